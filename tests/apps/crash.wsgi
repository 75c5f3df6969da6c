# SPDX-License-Identifier: Apache-2.0
# Ends its own process: by the signal of the query, or by os._exit when it says exit.
import os
import signal


def application(environ, start_response):
    how = environ['QUERY_STRING'] or 'SIGSEGV'
    if how == 'exit':
        os._exit(7)
    os.kill(os.getpid(), getattr(signal, how))
    signal.pause()

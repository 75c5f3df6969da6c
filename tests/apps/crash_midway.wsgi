# SPDX-License-Identifier: Apache-2.0
# Dies after the first blocks were sent; with a Content-Length if the query is not empty.
import os
import signal


def application(environ, start_response):
    headers = [('Content-Length', '1000')] if environ['QUERY_STRING'] else []
    start_response('200 OK', headers)
    yield b'x' * 100
    yield b'y' * 100
    os.kill(os.getpid(), signal.SIGKILL)

# SPDX-License-Identifier: Apache-2.0
# Starts a thread that sleeps for an hour: a daemon thread, or a plain one that Python would wait for.
import threading
import time


def application(environ, start_response):
    threading.Thread(target=time.sleep, args=(3600,), daemon=environ['QUERY_STRING'] == 'daemon').start()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'started']

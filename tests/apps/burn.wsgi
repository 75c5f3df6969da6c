# SPDX-License-Identifier: Apache-2.0
# Uses as many seconds of CPU time as its query says.
import time


def application(environ, start_response):
    end = time.thread_time() + float(environ['QUERY_STRING'])
    while time.thread_time() < end:
        pass
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']

# SPDX-License-Identifier: Apache-2.0
# Sleeps as many seconds as the query says; tells its process.
import os
import time


def application(environ, start_response):
    time.sleep(float(environ['QUERY_STRING'] or 0))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % os.getpid()]

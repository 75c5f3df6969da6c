# SPDX-License-Identifier: Apache-2.0
# The wall clock's time, in seconds.
import time


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % time.time()]

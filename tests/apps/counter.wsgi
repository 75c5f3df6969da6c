# SPDX-License-Identifier: Apache-2.0
# Counts its requests per interpreter.
import os

count = 0


def application(environ, start_response):
    global count
    count += 1
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d %d' % (os.getpid(), count)]

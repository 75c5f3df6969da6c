# SPDX-License-Identifier: Apache-2.0
# Counts the requests of its interpreter, whichever script they run: `sys` belongs to the interpreter.
import sys


def application(environ, start_response):
    sys.request_count = getattr(sys, 'request_count', 0) + 1
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(sys.request_count).encode()]

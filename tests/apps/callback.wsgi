# SPDX-License-Identifier: Apache-2.0
# Is called back from C, by the ctypes type that the query names; tells whether that was in its own interpreter.
import ctypes
import sys


def application(environ, start_response):
    seen = []

    def called(number):
        import sys as here
        seen.append(here is sys)
        return number + 1

    number = getattr(ctypes, environ['QUERY_STRING'])(ctypes.c_int, ctypes.c_int)(called)(41)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d %r' % (number, seen)]

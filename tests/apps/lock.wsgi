# SPDX-License-Identifier: Apache-2.0
# Holds Python's lock for as many seconds as its query says, as a broken extension module would.
import ctypes


def application(environ, start_response):
    hold_the_lock(float(environ['QUERY_STRING']))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']


def hold_the_lock(seconds):
    ctypes.PyDLL(None).usleep(int(seconds * 1000000))

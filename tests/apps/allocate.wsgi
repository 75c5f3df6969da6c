# SPDX-License-Identifier: Apache-2.0
# Takes as many bytes of memory as its query says.


def application(environ, start_response):
    size = len(bytearray(int(environ['QUERY_STRING'])))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % size]

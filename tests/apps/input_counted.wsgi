# SPDX-License-Identifier: Apache-2.0
# Reads the body in pieces and answers with its length.
def application(environ, start_response):
    size = 0
    while piece := environ['wsgi.input'].read(65536):
        size += len(piece)
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [b'%d' % size]

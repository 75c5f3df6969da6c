# SPDX-License-Identifier: Apache-2.0
# Tells in a header which method it was asked with; a HEAD gets no body from it, as from an application that knows HEAD.
def application(environ, start_response):
    method = environ['REQUEST_METHOD']
    start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Method', method)])
    return [] if method == 'HEAD' else [b'line after line ' * 500]

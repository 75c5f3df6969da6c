# SPDX-License-Identifier: Apache-2.0
# Yields the request body in small pieces, one right behind the other.


def application(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    for start in range(0, len(body), 300):
        yield body[start:start + 300]

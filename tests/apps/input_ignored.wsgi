# SPDX-License-Identifier: Apache-2.0
# Never reads the request body; the answer is as large as the query says.
def application(environ, start_response):
    size = int(environ['QUERY_STRING'] or 6)
    start_response('200 OK', [('Content-Type', 'application/octet-stream'), ('Content-Length', str(size))])
    return (b'x' * min(65536, size - at) for at in range(0, size, 65536))

# SPDX-License-Identifier: Apache-2.0
# A response with as many headers, each of the size, as the query says: COUNT&SIZE.
def application(environ, start_response):
    count, size = map(int, environ['QUERY_STRING'].split('&'))
    start_response('200 OK', [(f'X-{number}', 'v' * size) for number in range(count)])
    return [b'body']

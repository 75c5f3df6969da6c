# SPDX-License-Identifier: Apache-2.0
# Yields pieces of the sizes in the query (`sizes=1000,2000000`; a negative one fails), with `list` as one list, with `length` of a length that is
# told, and last, in eight bytes, whether httpd had lent memory for them by then.
from urllib.parse import parse_qs


def piece(number, size):
    if size < 0:
        raise RuntimeError('as the test asks')
    return (b'%d,' % number * size)[:size]


def pieces(sizes):
    for number, size in enumerate(sizes):
        yield piece(number, size)
    with open('/proc/self/maps') as maps:
        yield b'memory  ' if 'memfd:gatehouse-body' in maps.read() else b'channel '


def application(environ, start_response):
    query = parse_qs(environ['QUERY_STRING'], keep_blank_values=True)
    sizes = [int(size) for size in query['sizes'][0].split(',')]
    headers = [('Content-Type', 'application/octet-stream')]
    if 'length' in query:
        headers.append(('Content-Length', str(sum(sizes) + 8)))
    start_response('200 OK', headers)
    return list(pieces(sizes)) if 'list' in query else pieces(sizes)

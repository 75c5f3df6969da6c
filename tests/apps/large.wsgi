# SPDX-License-Identifier: Apache-2.0
# Yields pieces of the sizes in the query (`sizes=1000,2000000`; a negative one fails), with `list` as one list, with `length` of a length that is
# told, and last, in eight bytes, whether memory that httpd lent has been used for them by then. Its first bytes tell: this
# application clears them before, where no other thread of its process may be using them.
import ctypes
from urllib.parse import parse_qs


def lent():
    with open('/proc/self/maps') as maps:
        return [int(line.split('-')[0], 16) for line in maps if 'memfd:gatehouse-body' in line]


def piece(number, size):
    if size < 0:
        raise RuntimeError('as the test asks')
    return (b'%d,' % number * size)[:size]


def pieces(sizes):
    for number, size in enumerate(sizes):
        yield piece(number, size)
    yield b'memory  ' if any(ctypes.string_at(address, 8).strip(b'\0') for address in lent()) else b'channel '


def application(environ, start_response):
    if not environ['wsgi.multithread']:
        for address in lent():
            ctypes.memset(address, 0, 8)
    query = parse_qs(environ['QUERY_STRING'], keep_blank_values=True)
    sizes = [int(size) for size in query['sizes'][0].split(',')]
    headers = [('Content-Type', 'application/octet-stream')]
    if 'length' in query:
        headers.append(('Content-Length', str(sum(sizes) + 8)))
    start_response('200 OK', headers)
    return list(pieces(sizes)) if 'list' in query else pieces(sizes)

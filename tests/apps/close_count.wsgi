# SPDX-License-Identifier: Apache-2.0
# Counts the calls of close() per kind of response in a file that the query names: file=...&kind=...
import urllib.parse


class Blocks:
    def __init__(self, record, kind):
        self.record, self.kind, self.left = record, kind, 3

    def __iter__(self):
        return self

    def __next__(self):
        if self.kind == 'raises' and self.left == 2:
            raise RuntimeError('raised while iterating')
        if not self.left:
            raise StopIteration
        self.left -= 1
        return b'x' * (1 << 20 if self.kind == 'large' else 10)

    def close(self):
        with open(self.record, 'a') as file:
            file.write('closed\n')
        if self.kind == 'close_raises':
            raise RuntimeError('raised in close')


def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    kind = query['kind']
    headers = [('Content-Type', 'text/plain')]
    if kind == 'bad_header':
        headers.append(('X-Bad', 'a\nb'))
    if kind == 'too_long':
        headers.append(('Content-Length', '5'))
    if kind == 'slow_start':
        return Blocks(query['file'], kind)  # start_response is never called
    try:
        start_response('204 No Content' if kind == 'no_content' else '200 OK', headers)
    except Exception:
        start_response('200 OK', headers[:1])
    return Blocks(query['file'], kind)

# SPDX-License-Identifier: Apache-2.0
# Answers with as many bytes as the query says, in blocks of a MiB that can be told apart, and notes in the directory
# behind it when the last one was taken: size=N&note=FILE&unknown=1 (without Content-Length).
import urllib.parse

BLOCK = 1 << 20


def block(index):
    return b'%08d' % index * (BLOCK // 8)


def produce(size, note):
    for index in range(-(-size // BLOCK)):
        yield block(index)[:size - index * BLOCK]
        if note:
            with open(note, 'w') as file:
                file.write(str(min(size, (index + 1) * BLOCK)))


def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    size = int(query['size'])
    headers = [('Content-Type', 'application/octet-stream')]
    if 'unknown' not in query:
        headers.append(('Content-Length', str(size)))
    start_response('200 OK', headers)
    return produce(size, query.get('note'))

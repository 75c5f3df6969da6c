# SPDX-License-Identifier: Apache-2.0
# Answers with what only its request knows: 16 lines of token, body length and checksum, in four blocks. The query is
# MILLISECONDS&JOURNAL: how long it takes, and a directory in which each process notes the tokens it was entered for.
# X-Framing: length asks for a Content-Length.
import os
import time
import zlib

JOURNALS = {}


def application(environ, start_response):
    token = environ.get('HTTP_X_TOKEN', '-')
    duration, _, directory = environ['QUERY_STRING'].partition('&')
    if directory:
        enter(directory, token)
    body = environ['wsgi.input'].read()
    time.sleep(int(duration or 0) / 1000)
    block = b'%s %d %08x\n' % (token.encode(), len(body), zlib.crc32(body)) * 4
    headers = [('Content-Type', 'text/plain')]
    if environ.get('HTTP_X_FRAMING') == 'length':
        headers.append(('Content-Length', str(4 * len(block))))
    start_response('200 OK', headers)
    return iter([block] * 4)


def enter(directory, token):
    key = os.getpid(), directory
    if key not in JOURNALS:
        path = os.path.join(directory, f'journal-{os.getpid()}')
        JOURNALS[key] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(JOURNALS[key], token.encode() + b'\n')

# SPDX-License-Identifier: Apache-2.0
# Reads all but a byte of the body, 70,000 bytes at most, and, unless the query is `leave`, the rest. Answers with the length
# and the digest of what it has read, and with the kinds of the descriptors that came with the first part.
import hashlib
import json
import os


def descriptors():
    found = set()
    for name in os.listdir('/proc/self/fd'):
        try:
            found.add((name, os.readlink(f'/proc/self/fd/{name}')))
        except OSError:
            pass  # the one by which the folder was listed
    return found


def application(environ, start_response):
    before = descriptors()
    body = environ['wsgi.input'].read(min(int(environ.get('CONTENT_LENGTH') or 70_000) - 1, 70_000))
    came = [target for _, target in sorted(descriptors() - before)]
    if environ['QUERY_STRING'] != 'leave':
        body += environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/json')])
    kinds = ['pipe' if target.startswith('pipe:') else 'memory' if 'memfd:gatehouse-body' in target else 'file'
             for target in came]
    return [json.dumps([len(body), hashlib.sha256(body).hexdigest(), kinds]).encode()]

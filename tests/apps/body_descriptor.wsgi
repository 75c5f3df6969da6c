# SPDX-License-Identifier: Apache-2.0
# Reads 70,000 bytes of the body and, unless the query is `leave`, the rest. Answers with the length and the digest of what
# it has read, and with the kinds of the descriptors that it no longer has once the body is read.
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
    body = environ['wsgi.input'].read(70_000)
    if environ['QUERY_STRING'] != 'leave':
        body += environ['wsgi.input'].read()
    came = [target for _, target in sorted(before - descriptors())]
    start_response('200 OK', [('Content-Type', 'application/json')])
    kinds = ['pipe' if target.startswith('pipe:') else 'memory' if 'memfd:gatehouse-body' in target else 'file'
             for target in came if not target.startswith('/proc')]
    return [json.dumps([len(body), hashlib.sha256(body).hexdigest(), kinds]).encode()]

# SPDX-License-Identifier: Apache-2.0
# Notes in the directory of the query that it was entered, reads the body, and answers with its length and digest.
import hashlib
import json
import os
import urllib.parse
import uuid


def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    if 'note' in query:
        open(os.path.join(query['note'], 'entered-' + uuid.uuid4().hex), 'w').close()
    digest, size = hashlib.sha256(), 0
    while piece := environ['wsgi.input'].read(int(query.get('piece', 65536))):
        digest.update(piece)
        size += len(piece)
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps([size, digest.hexdigest()]).encode()]

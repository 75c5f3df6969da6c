# SPDX-License-Identifier: Apache-2.0
# Writes to the streams as the query says: a JSON list of [stream, text]; streams are errors, stdout, stderr and fd2.
import json
import os
import sys
import urllib.parse


def application(environ, start_response):
    for stream, text in json.loads(urllib.parse.unquote(environ['QUERY_STRING'])):
        if stream == 'fd2':
            os.write(2, text.encode())
        elif stream == 'stdout':
            print(text, end='')
        elif stream == 'stderr':
            sys.stderr.write(text)
        else:
            environ['wsgi.errors'].write(text)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'written']

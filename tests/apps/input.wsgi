# SPDX-License-Identifier: Apache-2.0
# Calls methods of wsgi.input as the query says: a JSON list of [method, arguments]; answers with the results.
import json
import urllib.parse


def plain(value):
    if isinstance(value, bytes):
        return value.decode('latin-1')
    return [plain(item) for item in value] if isinstance(value, list) else value


def call(stream, method, arguments):
    try:
        return plain(list(stream) if method == 'iterate' else getattr(stream, method)(*arguments))
    except Exception as error:
        return type(error).__name__


def application(environ, start_response):
    calls = json.loads(urllib.parse.unquote(environ['QUERY_STRING']))
    results = [call(environ['wsgi.input'], method, arguments) for method, arguments in calls]
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(results).encode()]

# SPDX-License-Identifier: Apache-2.0
# Serves the file that the query names through wsgi.file_wrapper: file=...&seek=N&length=N&block=N&kind=...
import io
import urllib.parse


def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    file = open(query['file'], 'rb')
    if query.get('kind') == 'memory':
        file = io.BytesIO(file.read())
    file.seek(int(query.get('seek', 0)))
    headers = [('Content-Type', 'application/octet-stream')]
    if 'length' in query:
        headers.append(('Content-Length', query['length']))
    start_response('200 OK', headers)
    wrapper = environ['wsgi.file_wrapper'](file, int(query.get('block', 8192)))
    if query.get('kind') == 'iterate':
        return (block for block in wrapper)
    return wrapper

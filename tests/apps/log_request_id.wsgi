# SPDX-License-Identifier: Apache-2.0
# Writes a line to the log and answers with the id of the request.
def application(environ, start_response):
    print('my request', file=environ['wsgi.errors'])
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['mod_wsgi.request_id'].encode()]

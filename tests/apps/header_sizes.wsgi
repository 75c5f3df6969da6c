# SPDX-License-Identifier: Apache-2.0
# The length of the variable that the query names.
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [b'%d' % len(environ[environ['QUERY_STRING']])]

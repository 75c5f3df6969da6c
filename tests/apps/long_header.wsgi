# SPDX-License-Identifier: Apache-2.0
# Answers with a header X-Long whose value has as many characters as its query says.


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Long', 'y' * int(environ['QUERY_STRING']))])
    return [b'ok']

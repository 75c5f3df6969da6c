# SPDX-License-Identifier: Apache-2.0
# The error handling that PEP 3333 describes: headers are replaced while nothing has been sent.
import sys


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('X-Fresh', 'no')])
    try:
        raise ValueError('replaced')
    except ValueError:
        start_response('503 Replaced', [('Content-Type', 'text/plain')], sys.exc_info())
    return [b'replaced']

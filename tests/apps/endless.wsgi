# SPDX-License-Identifier: Apache-2.0
# Sends blocks for as long as somebody takes them.


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    while True:
        yield b'x' * 65536

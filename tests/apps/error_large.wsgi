# SPDX-License-Identifier: Apache-2.0
def application(environ, start_response):
    start_response('404 Not Found', [('Content-Type', 'text/plain'), ('Content-Length', '3000000')])
    for _ in range(30):
        yield b'x' * 100_000

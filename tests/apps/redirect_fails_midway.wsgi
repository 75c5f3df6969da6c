# SPDX-License-Identifier: Apache-2.0
def application(environ, start_response):
    start_response('200 OK', [('Location', '/page'), ('Content-Type', 'text/plain')])
    yield b'a block'
    raise RuntimeError('failed midway')

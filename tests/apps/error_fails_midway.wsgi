# SPDX-License-Identifier: Apache-2.0
def application(environ, start_response):
    start_response('404 Not Found', [('Content-Type', 'text/plain')])
    yield b'the first block'
    raise RuntimeError('failed midway')

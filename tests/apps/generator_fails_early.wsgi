# SPDX-License-Identifier: Apache-2.0
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b''
    raise RuntimeError('failed before the first byte')

# SPDX-License-Identifier: Apache-2.0
# start_response is called when the iteration begins, as generators do.
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b''
    yield b'one '
    yield b''
    yield b'two'

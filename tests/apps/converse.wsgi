# SPDX-License-Identifier: Apache-2.0
# Answers each line of the body as soon as it has read it.


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    for line in iter(environ['wsgi.input'].readline, b''):
        yield b'heard ' + line

# SPDX-License-Identifier: Apache-2.0
# start_response with exc_info after the first block must raise the exception that is passed.
import sys


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'sent'
    try:
        raise ValueError('too late')
    except ValueError:
        start_response('500 Too Late', [], sys.exc_info())
    yield b'never'

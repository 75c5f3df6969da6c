# SPDX-License-Identifier: Apache-2.0
# Dies after the first block was sent.
import os
import signal


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'x' * 100
    yield b'y' * 100
    os.kill(os.getpid(), signal.SIGKILL)

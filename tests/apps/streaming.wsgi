# SPDX-License-Identifier: Apache-2.0
# Sends a block each time that the file `go` of the query's directory is removed and made again by the client.
import os
import time


def application(environ, start_response):
    gate = os.path.join(environ['QUERY_STRING'], 'go')
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'first'
    deadline = time.monotonic() + 30
    while not os.path.exists(gate) and time.monotonic() < deadline:
        time.sleep(0.01)
    yield b'second'

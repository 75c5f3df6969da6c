# SPDX-License-Identifier: Apache-2.0
# Yields small blocks right behind each other, then makes the client wait until a file `go` appears in the directory of
# the query.
import os
import time


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    for number in range(100):
        yield b'%02d,' % number
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(environ['QUERY_STRING'], 'go')) and time.monotonic() < deadline:
        time.sleep(0.01)
    yield b'end'

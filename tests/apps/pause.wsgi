# SPDX-License-Identifier: Apache-2.0
# Sends 6 MiB, notes so in the directory of the query, and sends the end when a file `go` appears there.
import os
import time

LAST = b'the end'


def produce(directory):
    for _ in range(96):
        yield b'x' * 65536
    open(os.path.join(directory, 'paused'), 'w').close()
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(directory, 'go')) and time.monotonic() < deadline:
        time.sleep(0.01)
    yield LAST


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/octet-stream'), ('Content-Length', str(6 * 1048576 + len(LAST)))])
    return produce(environ['QUERY_STRING'])

# SPDX-License-Identifier: Apache-2.0
# Sends one block, notes so in the directory of the query, and sends another when a file `go` appears there.
import os
import time


def application(environ, start_response):
    directory = environ['QUERY_STRING']
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'first'
    open(os.path.join(directory, 'entered-%d' % os.getpid()), 'w').close()
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(directory, 'go')) and time.monotonic() < deadline:
        time.sleep(0.01)
    yield b'second'

# SPDX-License-Identifier: Apache-2.0
# Notes the path's name in file `order` of the query's directory, then waits until a file `go` appears there.
import os
import time


def application(environ, start_response):
    directory = environ['QUERY_STRING']
    with open(os.path.join(directory, 'order'), 'a') as order:
        order.write(environ['PATH_INFO'].strip('/') + '\n')
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(directory, 'go')) and time.monotonic() < deadline:
        time.sleep(0.01)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'done']

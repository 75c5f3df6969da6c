# SPDX-License-Identifier: Apache-2.0
# Notes its process in the directory of the query, then waits until a file `go` appears there.
import os
import time
import uuid


def application(environ, start_response):
    directory = environ['QUERY_STRING']
    open(os.path.join(directory, 'entered-%d-%s' % (os.getpid(), uuid.uuid4())), 'w').close()
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(directory, 'go')) and time.monotonic() < deadline:
        time.sleep(0.01)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % os.getpid()]

# SPDX-License-Identifier: Apache-2.0
# Takes ten seconds to load.
import time

time.sleep(10)


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'loaded']

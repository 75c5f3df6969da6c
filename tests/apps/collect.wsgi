# SPDX-License-Identifier: Apache-2.0
# Leaves cycles of objects and collects them.
import gc


class Knot:
    def __init__(self):
        self.own = self


def application(environ, start_response):
    for _ in range(20):
        Knot()
    gc.collect()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'collected']

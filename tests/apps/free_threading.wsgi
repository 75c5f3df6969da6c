# SPDX-License-Identifier: Apache-2.0
# Whether this Python runs with its lock. "pair" in the query: two requests of this process take turns at a variable, and
# tell how often it was theirs. "import=NAME": imports that first.
import importlib
import json
import os
import sys
import threading
import time
from urllib.parse import parse_qs

PAIR = threading.Barrier(2)
TURN = [0]


def handovers():
    me = PAIR.wait(30)
    count, end = 0, time.monotonic() + 0.3
    while time.monotonic() < end:
        if TURN[0] == me:
            TURN[0] = 1 - me
            count += 1
    return count


def application(environ, start_response):
    query = parse_qs(environ['QUERY_STRING'], keep_blank_values=True)
    for name in query.get('import', ()):
        importlib.import_module(name)
    facts = {'handovers': handovers() if 'pair' in query else None, 'gil': getattr(sys, '_is_gil_enabled', lambda: True)(),
             'abiflags': sys.abiflags, 'prefix': sys.prefix, 'pid': os.getpid(),
             'application_group': environ['mod_wsgi.application_group']}
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode()]

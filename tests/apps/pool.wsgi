# SPDX-License-Identifier: Apache-2.0
# Which interpreter of its process serves this, told by a number that each draws when it loads the script; "cpu" in the
# query computes for a while first.
import json
import os
import random
import sys
import threading
import time

NUMBER = random.SystemRandom().getrandbits(48)


def application(environ, start_response):
    if environ['QUERY_STRING'] == 'cpu':
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass
    facts = {
        'number': NUMBER,
        'pid': os.getpid(),
        'thread': environ['mod_wsgi.thread_id'],
        'application_group': environ['mod_wsgi.application_group'],
        'of_module': sys.modules['mod_wsgi'].application_group,
        'switch_interval': sys.getswitchinterval(),
        'main_thread': threading.main_thread().ident,
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode()]

# SPDX-License-Identifier: Apache-2.0
# Who answers: the process, thread and Python that run this application.
import json
import os
import sys
import threading

LOADED_IN = os.getpid()


def application(environ, start_response):
    facts = {
        'pid': os.getpid(),
        'parent': os.getppid(),
        'thread': threading.get_ident(),
        'python': '%d.%d' % sys.version_info[:2] + ('t' if 't' in sys.abiflags else ''),
        'process_group': environ.get('mod_wsgi.process_group'),
        'application_group': environ.get('mod_wsgi.application_group'),
        'multithread': environ['wsgi.multithread'],
        'multiprocess': environ['wsgi.multiprocess'],
        'run_once': environ['wsgi.run_once'],
        'file': __file__,
        'name': __name__,
        'path': sys.path,
        'prefix': sys.prefix,
        'argv': sys.argv,
        'cwd': os.getcwd(),
        'environment': dict(os.environ),
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode()]

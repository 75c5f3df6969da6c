# SPDX-License-Identifier: Apache-2.0
# How the Python that runs this was set up.
import json
import os
import sys


def application(environ, start_response):
    facts = {
        'optimize': sys.flags.optimize,
        'dont_write_bytecode': sys.dont_write_bytecode,
        'warnings': sys.warnoptions,
        'hash_randomization': sys.flags.hash_randomization,
        'hash': hash('a text'),
        'switch_interval': sys.getswitchinterval(),
        'eggs': os.environ.get('PYTHON_EGG_CACHE'),
        'path': sys.path,
        'process_group': environ['mod_wsgi.process_group'],
        'application_group': environ['mod_wsgi.application_group'],
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode()]

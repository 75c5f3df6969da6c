# SPDX-License-Identifier: Apache-2.0
# What tests/configurations ask for: how the request reached the application.
import json
import os
import sys


def application(environ, start_response):
    environ['wsgi.input'].read()
    report = {
        'method': environ['REQUEST_METHOD'],
        'script': environ['SCRIPT_NAME'],
        'path': environ['PATH_INFO'],
        'query': environ['QUERY_STRING'],
        'user': environ.get('REMOTE_USER'),
        'remote': environ['REMOTE_ADDR'],
        'scheme': environ['wsgi.url_scheme'],
        'http_host': environ.get('HTTP_HOST'),
        'authorization': 'yes' if 'HTTP_AUTHORIZATION' in environ else 'no',
        'process_group': environ['mod_wsgi.process_group'],
        'application_group': environ['mod_wsgi.application_group'],
        'callable': environ['mod_wsgi.callable_object'],
        'multithread': environ['wsgi.multithread'],
        'multiprocess': environ['wsgi.multiprocess'],
        'python': 'venv' if sys.prefix != sys.base_prefix else 'base',
        'sys_path': sys.path,
        'uid': os.getuid(),
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(report).encode()]


def check_password(environ, user, password):
    return {'ada': 'analytical'}.get(user) == password if user == 'ada' else None


app = handler = application

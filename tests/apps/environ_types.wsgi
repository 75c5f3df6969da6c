# SPDX-License-Identifier: Apache-2.0
import json


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps({key: type(value).__name__ for key, value in environ.items()}).encode()]

# SPDX-License-Identifier: Apache-2.0
# PEP 3333: environ must be a builtin dictionary, which the application may change.
def application(environ, start_response):
    environ['new'] = 'value'
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(type(environ) is dict).encode()]

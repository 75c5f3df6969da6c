# SPDX-License-Identifier: Apache-2.0
# One callable besides the usual one.
def answer(text):
    def application(environ, start_response):
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [text + b' ' + environ['mod_wsgi.callable_object'].encode()]
    return application


application = answer(b'usual')
other = answer(b'other')

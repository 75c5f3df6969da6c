# SPDX-License-Identifier: Apache-2.0
# Keeps wsgi.input and wsgi.errors of one request and uses them in the next.
kept = {}


def attempt(function, *arguments):
    try:
        return repr(function(*arguments))
    except Exception as error:
        return type(error).__name__


def application(environ, start_response):
    answer = 'kept'
    if kept:
        answer = attempt(kept['input'].read) + ' ' + attempt(kept['errors'].write, 'late\n')
    kept.update(input=environ['wsgi.input'], errors=environ['wsgi.errors'])
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [answer.encode()]

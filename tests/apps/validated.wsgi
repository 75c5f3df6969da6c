# SPDX-License-Identifier: Apache-2.0
# wsgiref's checker of PEP 3333 around applications: the query's `app` names one, its `n` is a number for it.
import urllib.parse
from wsgiref.validate import validator


def whole(environ, start_response, n):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(n))])
    return [b'x' * n]


def pieces(environ, start_response, n):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'x'] * n


def generator(environ, start_response, n):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    for _ in range(n):
        yield b'x'


def write(environ, start_response, n):
    write = start_response('200 OK', [('Content-Type', 'text/plain')])
    for _ in range(n):
        write(b'x')
    return []


def reads(environ, start_response, n):
    body = environ['wsgi.input'].read(n)
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return [body]


def lines(environ, start_response, n):
    stream = environ['wsgi.input']
    body = [stream.readline()] + stream.readlines() if n else list(stream)
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return body


def complains(environ, start_response, n):
    environ['wsgi.errors'].write('a line\n')
    environ['wsgi.errors'].writelines(['another\n'] * n)
    environ['wsgi.errors'].flush()
    start_response('404 Not Found', [('Content-Type', 'text/plain')])
    return [b'x' * n]


def fails(environ, start_response, n):
    import sys
    start_response('200 OK', [('Content-Type', 'text/plain')])
    try:
        raise ValueError('caught')
    except ValueError:
        start_response('500 Oops', [('Content-Type', 'text/plain')], sys.exc_info())
    return [b'x' * n]


def bodiless(environ, start_response, n):
    start_response('204 No Content' if n else '304 Not Modified', [])
    return []


APPS = {app.__name__: app for app in (whole, pieces, generator, write, reads, lines, complains, fails, bodiless)}


def chosen(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    return APPS[query['app']](environ, start_response, int(query.get('n', 0)))


application = validator(chosen)

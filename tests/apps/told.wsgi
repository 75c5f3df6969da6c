# SPDX-License-Identifier: Apache-2.0
# Notes what its process is told of (signals, the end and its reason) in the file that the first query names.
import mod_wsgi

FILES = set()


def tell(name, **payload):
    for path in FILES:
        with open(path, 'a') as file:
            print(name, payload.get('signame') or payload.get('shutdown_reason'), file=file)


mod_wsgi.subscribe_shutdown(tell)
mod_wsgi.subscribe_signals(tell)


def application(environ, start_response):
    import os
    FILES.add(environ['QUERY_STRING'])
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % os.getpid()]

# SPDX-License-Identifier: Apache-2.0
# Registers an exit handler that writes to the file of the query.
import atexit


def note(name):
    with open(name, 'a') as file:
        file.write('left\n')


def application(environ, start_response):
    atexit.register(note, environ['QUERY_STRING'])
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'registered']

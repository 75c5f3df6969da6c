# SPDX-License-Identifier: Apache-2.0
# Runs for as many seconds as its query says, in Python code that an exception can stop; says what stopped it when the
# query ends in "caught".
import time

import mod_wsgi


def run_until(end):
    while time.monotonic() < end:
        time.sleep(0.001)


def application(environ, start_response):
    seconds, _, mode = environ['QUERY_STRING'].partition('&')
    end = time.monotonic() + float(seconds)
    if mode == 'begun':
        return begin(start_response, end)
    try:
        run_until(end)
        text = b'done'
    except mod_wsgi.RequestTimeout:
        if mode != 'caught':
            raise
        text = b'RequestTimeout'
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [text]


def begin(start_response, end):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    yield b'begun'
    run_until(end)
    yield b'done'

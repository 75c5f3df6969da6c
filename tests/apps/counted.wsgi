# SPDX-License-Identifier: Apache-2.0
# Another answer each time; the query is its Cache-Control.
import itertools
import os

numbers = itertools.count()


def application(environ, start_response):
    headers = [('Content-Type', 'text/plain')]
    if environ['QUERY_STRING'] in ('no-store', 'private'):
        headers.append(('Cache-Control', environ['QUERY_STRING']))
    start_response('200 OK', headers)
    return [b'answer %d of process %d' % (next(numbers), os.getpid())]

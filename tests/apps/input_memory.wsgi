# SPDX-License-Identifier: Apache-2.0
# read(10**9) of a small body; answers with the growth of the process's peak memory in KB.
import resource


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def application(environ, start_response):
    before = peak()
    body = environ['wsgi.input'].read(10 ** 9)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d %d' % (len(body), peak() - before)]

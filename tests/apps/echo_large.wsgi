# SPDX-License-Identifier: Apache-2.0
# Answers with the body, over and over, in three blocks of 1,500,000 bytes.


def application(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/octet-stream'), ('Content-Length', '4500000')])
    whole = (body * (4_500_000 // len(body) + 1))[:4_500_000]
    return iter([whole[:1_500_000], whole[1_500_000:3_000_000], whole[3_000_000:]])

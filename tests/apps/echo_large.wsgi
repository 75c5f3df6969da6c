# SPDX-License-Identifier: Apache-2.0
# Answers with the body, over and over, in three blocks of 600,000 bytes.


def application(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    whole = (body * (1_800_000 // len(body) + 1))[:1_800_000]
    return iter([whole[:600_000], whole[600_000:1_200_000], whole[1_200_000:]])

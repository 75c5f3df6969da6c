# SPDX-License-Identifier: Apache-2.0
# Notes in a file that the wrapped file was closed: file=...&record=...
import urllib.parse


class Noting:
    def __init__(self, name, record):
        self.file, self.record = open(name, 'rb'), record

    def read(self, size):
        return self.file.read(size)

    def close(self):
        self.file.close()
        with open(self.record, 'a') as record:
            record.write('closed\n')


def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ['QUERY_STRING']))
    start_response('200 OK', [('Content-Type', 'application/octet-stream')])
    return environ['wsgi.file_wrapper'](Noting(query['file'], query['record']))

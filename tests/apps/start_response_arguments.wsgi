# SPDX-License-Identifier: Apache-2.0
# Calls start_response with the arguments that the query names.
class Text(str):
    pass


class Headers(list):
    pass


ARGUMENTS = {
    'bytes_status': (b'200 OK', []),
    'int_status': (200, []),
    'tuple_headers': ('200 OK', (('X-A', 'b'),)),
    'none_headers': ('200 OK', None),
    'list_header': ('200 OK', [['X-A', 'b']]),
    'triple_header': ('200 OK', [('X-A', 'b', 'c')]),
    'bytes_name': ('200 OK', [(b'X-A', 'b')]),
    'bytes_value': ('200 OK', [('X-A', b'b')]),
    'int_value': ('200 OK', [('X-A', 1)]),
    'wide_value': ('200 OK', [('X-A', '\u20ac')]),
    'wide_status': ('200 \u20ac', []),
    'bad_exc_info': ('200 OK', [], 'no tuple'),
    'no_headers': ('200 OK',),
    'subclasses': (Text('200 OK'), Headers([(Text('X-Sub'), Text('yes'))])),
}


def application(environ, start_response):
    start_response(*ARGUMENTS[environ['QUERY_STRING']])
    return [b'x']

# SPDX-License-Identifier: Apache-2.0
# Raises an exception with the text of the query.
import urllib.parse


def application(environ, start_response):
    raise ValueError(urllib.parse.unquote(environ['QUERY_STRING']))

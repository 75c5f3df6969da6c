# SPDX-License-Identifier: Apache-2.0
# Answers as its query says, a JSON object: status, headers, blocks (latin-1 text), and calls, the number of times
# that start_response is called.
import json
import urllib.parse


def application(environ, start_response):
    plan = json.loads(urllib.parse.unquote(environ['QUERY_STRING']))
    for _ in range(plan.get('calls', 1)):
        start_response(plan['status'], [tuple(header) for header in plan['headers']])
    return [block.encode('latin-1') for block in plan['blocks']]

# SPDX-License-Identifier: Apache-2.0
# Has two processes of multiprocessing compute; the query tells how they are started. Answers with what they gave and
# with the sockets that one of them holds.
import json
import math
import multiprocessing

# A built-in function and a text: a process that is spawned cannot import this script.
DESCRIPTORS = "[__import__('os').path.realpath(f'/proc/self/fd/{fd}') for fd in __import__('os').listdir('/proc/self/fd')]"


def application(environ, start_response):
    with multiprocessing.get_context(environ['QUERY_STRING']).Pool(2) as pool:
        roots = pool.map(math.sqrt, [1, 4, 9, 16])
        sockets = [name for name in pool.apply(eval, [DESCRIPTORS]) if 'socket:' in name]
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps([roots, sockets]).encode()]

# SPDX-License-Identifier: Apache-2.0
# Prints while it is imported and from a thread that belongs to no request.
import threading

print('printed while importing')
threading.Thread(target=print, args=('printed by a thread',)).start()


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'']

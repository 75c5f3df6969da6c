# SPDX-License-Identifier: Apache-2.0
# Starts a program that outlives the request; answers with its process id.
import subprocess


def application(environ, start_response):
    child = subprocess.Popen(['/bin/sleep', '60'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL, start_new_session=True)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d' % child.pid]

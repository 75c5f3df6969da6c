# SPDX-License-Identifier: Apache-2.0
# Starts a program and ends it; tells how it ended.
import subprocess


def application(environ, start_response):
    with subprocess.Popen(['/bin/sleep', '60']) as program:
        program.terminate()
        try:
            status = program.wait(10)
        except subprocess.TimeoutExpired:
            status = 'not at all'
            program.kill()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(status).encode()]

# SPDX-License-Identifier: Apache-2.0
# Starts a program in the way that the query names, with a SIGTERM for it; tells how it ended: -15 by that.
import multiprocessing
import os
import subprocess
import time

ENDS_ITSELF = ['/bin/sh', '-c', 'kill $$; exit 3']


def popen():
    with subprocess.Popen(['/bin/sleep', '60']) as program:
        program.terminate()
        try:
            return program.wait(10)
        except subprocess.TimeoutExpired:
            program.kill()
            return 'not at all'


def system():
    return os.waitstatus_to_exitcode(os.system(ENDS_ITSELF[2]))


def spawn():
    return os.spawnv(os.P_WAIT, ENDS_ITSELF[0], ENDS_ITSELF)


def posix_spawn():
    pid = os.posix_spawn(ENDS_ITSELF[0], ENDS_ITSELF, os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def multiprocessing_fork(method='fork'):
    process = multiprocessing.get_context(method).Process(target=time.sleep, args=(60,))
    process.start()
    process.terminate()
    process.join(10)
    code = process.exitcode
    process.kill()
    return code


def multiprocessing_spawn():
    return multiprocessing_fork('spawn')


def application(environ, start_response):
    status = globals()[environ['QUERY_STRING']]()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(status).encode()]

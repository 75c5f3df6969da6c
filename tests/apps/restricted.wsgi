# SPDX-License-Identifier: Apache-2.0
# Does what the query says with something that belongs to the process; tells the result, or the exception.
import os
import signal
import subprocess
import sys


def handle(number, frame):
    pass


def set_handler():
    given = signal.signal(signal.SIGUSR2, handle)
    return 'was %s, is %s' % (given is handle, signal.getsignal(signal.SIGUSR2) is handle)


def set_handler_in_child():
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, set_handler().encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return answer.read()


ACTIONS = {
    'stdin': lambda: sys.stdin.read(),
    'stdout': lambda: print('printed') or 'printed',
    'signal': set_handler,
    'subprocess': lambda: subprocess.run(['echo', 'done'], capture_output=True, text=True).stdout.strip(),
    'signal_in_child': set_handler_in_child,
}


def application(environ, start_response):
    try:
        answer = ACTIONS[environ['QUERY_STRING']]()
    except Exception as error:
        answer = '%s: %s' % (type(error).__name__, error)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [answer.encode()]

# SPDX-License-Identifier: Apache-2.0
# Wants signals in every way that Python has, while it is loaded and in each request; tells how many ways raised.
import asyncio
import os
import signal

reader, writer = os.pipe()
os.set_blocking(writer, False)


async def handle_in_loop():
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, print)

WAYS = [
    lambda: signal.signal(signal.SIGTERM, print),
    lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
    lambda: signal.set_wakeup_fd(writer),
    lambda: asyncio.run(handle_in_loop()),
]


def raised():
    count = 0
    for way in WAYS:
        try:
            way()
        except Exception:
            count += 1
    return count

raised()


def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d raised' % raised()]

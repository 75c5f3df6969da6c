# SPDX-License-Identifier: Apache-2.0
# Runs an event loop in each request, with a thread and a program beside it, and had one while it was loaded.
import asyncio
import sys


async def work():
    program = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(40)', stdout=asyncio.subprocess.PIPE)
    (printed, _), two = await asyncio.gather(program.communicate(), asyncio.to_thread(lambda: 2))
    return int(printed) + two

loaded = asyncio.run(asyncio.sleep(0, 'loaded'))


def application(environ, start_response):
    answer = asyncio.run(work())
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{loaded} {answer}'.encode()]

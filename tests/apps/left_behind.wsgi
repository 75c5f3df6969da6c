# SPDX-License-Identifier: Apache-2.0
# Leaves work behind in every way that does not ask to be waited for: threads that compute, that wait, of pools, of C code.
import ctypes
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool

keep = []


def compute(*_):
    while True:
        sum(range(100))


def application(environ, start_response):
    threading.Thread(target=compute, daemon=True).start()
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
    for kind in (ThreadPool, ThreadPoolExecutor):
        pool = kind(2)
        keep.append(pool)
        list(pool.map(abs, range(10)))
    called = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(compute)
    keep.append(called)
    ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, called, None)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'left behind']

# SPDX-License-Identifier: Apache-2.0
"""System calls of a running process, by strace."""
import contextlib
import os
import shutil
import signal
import subprocess

import pytest

needs_strace = pytest.mark.skipif(shutil.which('strace') is None or os.geteuid() != 0,
                                  reason="strace, and root for another user's processes, tell the system calls")


@contextlib.contextmanager
def traced(pids, calls, file, *options):
    """Writes these calls of the processes into the file as long as the block runs; options are strace's, such as -f."""
    with subprocess.Popen(['strace', '-o', file, '-e', f'trace={calls}', *options, *(f'-p{pid}' for pid in pids)],
                          stderr=subprocess.PIPE) as tracer:
        try:
            assert all(b'attached' in tracer.stderr.readline() for _ in pids)
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)

# SPDX-License-Identifier: Apache-2.0
"""A control group of version 1 for the processes of one group, or a skipped test where there is none to be had."""

import contextlib
import os
from pathlib import Path

import pytest

from processes import wait_until


class Group:
    def __init__(self, path):
        self.path = path

    def add_tree(self, server, name):
        """Supervisor, zygote and workers of a process group, and all that these will fork."""
        for process in server.daemons():
            if process.command.startswith(f'(wsgi:{name})'):
                (self.path / 'cgroup.procs').write_text(str(process.pid))

    def members(self):
        return [int(pid) for pid in (self.path / 'cgroup.procs').read_text().split()]


@contextlib.contextmanager
def cgroup(controller, setting, value):
    parent = Path('/sys/fs/cgroup') / controller
    path = parent / f'gatehouse-{os.getpid()}-{setting}'
    try:
        path.mkdir()
        (path / f'{controller}.{setting}').write_text(str(value))
    except OSError as error:
        pytest.skip(f'no control group {controller} of version 1: {error}')
    group = Group(path)
    try:
        yield group
    finally:
        def is_empty():
            for pid in group.members():
                with contextlib.suppress(OSError):
                    (parent / 'cgroup.procs').write_text(str(pid))
            return not group.members()
        wait_until(is_empty, what='the control group is empty')
        path.rmdir()

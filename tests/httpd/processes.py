# SPDX-License-Identifier: Apache-2.0
"""The processes of one server, found in /proc: by its session, or because they map a file of its directory."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    session: int
    state: str
    name: str
    command: str

    @property
    def is_zombie(self):
        return self.state == 'Z'

    def status(self, field):
        """A line of /proc/<pid>/status, such as Uid or Groups, as a list of words."""
        for line in Path(f'/proc/{self.pid}/status').read_text().splitlines():
            if line.startswith(field + ':'):
                return line.split(':', 1)[1].split()
        raise KeyError(field)


def read(pid):
    """The process, or None when it has gone."""
    try:
        stat = Path(f'/proc/{pid}/stat').read_text()
        command = Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode('utf-8', 'replace')
    except OSError:
        return None
    name, rest = stat[stat.index('(') + 1:].rsplit(')', 1)
    fields = rest.split()
    return Process(int(pid), int(fields[1]), int(fields[3]), fields[0], name, command.strip())


def everyone():
    found = (read(entry) for entry in os.listdir('/proc') if entry.isdigit())
    return [process for process in found if process]


def maps_file_under(pid, directory):
    try:
        return f' {directory}/' in Path(f'/proc/{pid}/maps').read_text()
    except OSError:
        return False


def of_server(session, directory):
    """Every process that the server with this session and directory has, zombies included."""
    return [process for process in everyone()
            if process.session == session or maps_file_under(process.pid, directory)]


def is_alive(pid):
    process = read(pid)
    return process is not None and not process.is_zombie


def unused_shared_memory(known):
    """Names in /dev/shm that are not in known and that no process maps. Semaphores of multiprocessing are an application's,
    perhaps one of another run."""
    names = {name for name in os.listdir('/dev/shm') if not name.startswith('sem.mp-')} - set(known)
    return {name for name in names
            if not any(f'/dev/shm/{name}' in maps for maps in (read_maps(p.pid) for p in everyone()))}


def read_maps(pid):
    try:
        return Path(f'/proc/{pid}/maps').read_text()
    except OSError:
        return ''


def wait_until(condition, timeout=10.0, what='condition'):
    """Awaits a true value of condition() and returns it; fails the test after timeout seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f'not within {timeout:g} s: {what}'
        time.sleep(0.02)
    return value

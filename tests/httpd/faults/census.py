# SPDX-License-Identifier: Apache-2.0
"""What a server's processes hold: descriptors, shared memory, and how many of them there are."""

import collections
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import processes

# Descriptors that a fault may leave a process with, above what it had.
ALLOWANCE = 2


@dataclass(frozen=True)
class Holdings:
    """Of one process."""
    sockets: tuple  # what descriptors stand for
    others: tuple
    deleted: tuple  # files that it holds open though they have no name any more
    shared: tuple  # mappings that others may write to as well


def role_of(server, process):
    if process.pid == server.pid:
        return 'httpd'
    words = process.command.split()
    if words and words[0].startswith('(wsgi:'):
        return f'{words[0]} {words[1].rstrip(",")}'
    return 'child'


def targets_of(pid):
    """What the descriptors of a process stand for. OSError when it has gone."""
    found = []
    for number in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(f'/proc/{pid}/fd/{number}'))
    return found


def sockets_of(pid):
    """Inodes, as texts."""
    return {target[8:-1] for target in targets_of(pid) if target.startswith('socket:')}


def holdings_of(pid):
    """None when the process has gone."""
    try:
        targets = targets_of(pid)
        maps = Path(f'/proc/{pid}/maps').read_text()
    except OSError:
        return None
    sockets = tuple(target for target in targets if target.startswith('socket:'))
    others = tuple(target for target in targets if not target.startswith('socket:'))
    deleted = tuple(target for target in targets if target.endswith(' (deleted)') and target.startswith('/')
                    and not target.startswith(('/memfd:', '/dev/shm', '/dev/zero')))
    shared = tuple(line.split(maxsplit=5)[-1] for line in maps.splitlines() if line.split()[1] == 'rw-s')
    return Holdings(sockets, others, deleted, shared)


def take(server):
    """Role -> holdings of its processes."""
    roles = collections.defaultdict(list)
    for process in server.processes():
        if not process.is_zombie and (holdings := holdings_of(process.pid)):
            roles[role_of(server, process)].append(holdings)
    return dict(roles)


def excess(before, after, channels):
    """What there is after a fault and was not before, as texts. channels: sockets that workers and httpd's children may
    keep for their next requests, until these come to rest."""
    found = []
    for role, many in after.items():
        old = before.get(role)
        if old is None:
            continue  # a new group; the count of processes tells whether it may be
        room = channels if role == 'child' or role.endswith('worker') else 0
        for name, more in (('others', ALLOWANCE), ('sockets', ALLOWANCE + room), ('shared', 0)):
            most, limit = (max((getattr(one, name) for one in ones), key=len) for ones in (many, old))
            if len(most) > len(limit) + more:
                found.append(f'{role}: {len(most)} {name}, had been {len(limit)}: {sorted(most)}, {sorted(limit)}')
        found += [f'{role}: {name}' for one in many for name in one.deleted]
    return found


def crowd(server):
    """How many processes of each title of gatehoused there are."""
    return collections.Counter(role for process in server.daemons() if not process.is_zombie
                               if (role := role_of(server, process)).startswith('(wsgi:'))


def wanted_crowd(groups):
    """groups: name -> processes."""
    counts = collections.Counter()
    for name, workers in groups.items():
        counts.update({f'(wsgi:{name}) supervisor': 1, f'(wsgi:{name}) zygote': 1, f'(wsgi:{name}) worker': workers})
    return counts


def workers_of(server, group='one'):
    return [process.pid for process in server.daemons()
            if process.command.startswith(f'(wsgi:{group}) worker') and not process.is_zombie]


def one_of(server, title):
    """The process id of the only process with this title."""
    found = [process.pid for process in server.daemons() if process.command.startswith(title)]
    assert len(found) == 1, f'{title}: {found}'
    return found[0]


def memory_of(pid, field='VmRSS'):
    """In bytes."""
    return int(processes.read(pid).status(field)[0]) << 10


def cpu_of(pid):
    """Seconds of CPU time."""
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

# SPDX-License-Identifier: Apache-2.0
"""A network namespace of the benchmark's own: a loopback whose TCP uses another congestion control than the machine's."""
from __future__ import annotations

import ctypes
import fcntl
import os
import pathlib
import socket
import struct

from . import machine

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
INTERFACE = struct.Struct("16sh14x")   # ifreq: name, flags

_outside: int | None = None   # the machine's own namespace, once this process has left it


class Refused(Exception):
    """The text says what is missing."""


def enter(congestion_control: str) -> None:
    """This process and those that it starts, for good; before any thread. Needs root."""
    global _outside
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise Refused(f"no network of its own: {os.strerror(ctypes.get_errno())}; --congestion-control needs root")
    _outside = outside
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        answer = fcntl.ioctl(control, SIOCGIFFLAGS, INTERFACE.pack(b"lo", 0))
        fcntl.ioctl(control, SIOCSIFFLAGS, INTERFACE.pack(b"lo", INTERFACE.unpack(answer)[1] | IFF_UP))
    try:
        pathlib.Path(machine.CONGESTION_CONTROL).write_text(congestion_control)
    except OSError as error:
        raise Refused(f"TCP by {congestion_control}: {error.strerror}") from error


def outside(argv: list[str]) -> list[str]:
    """A command that reaches what the machine reaches."""
    return argv if _outside is None else ["nsenter", f"--net=/proc/{os.getpid()}/fd/{_outside}", *argv]

# SPDX-License-Identifier: Apache-2.0
"""CPU time of a control group by perf's clock, which runs from each switch to one of its tasks to the switch away.

The scheduler's own sums (cpu.stat, getrusage, /proc/PID/stat) go by a clock that a wake-up leaves as it is when the woken
task is to run next on the same processor: what the waking one still does in its system call, such as sending the rest of
a megabyte, is then put down to the task that it woke. See "What is measured" in docs/performance.md.
"""
from __future__ import annotations

import ctypes
import os
import pathlib
import platform
import struct

# perf_event_open(2)
CALLS = {"x86_64": 298, "aarch64": 241}
ATTRIBUTE_SIZE = 128
TYPE_SOFTWARE, COUNT_CPU_CLOCK = 1, 0
FLAG_PID_CGROUP, FLAG_CLOEXEC = 4, 8


class Unavailable(Exception):
    """The kernel does not count this group: no rights, no perf, or perf's hierarchy is another one."""


class CpuClock:
    """Counts from its making until close()."""

    def __init__(self, group: pathlib.Path) -> None:
        self._counters: list[int] = []
        folder = os.open(group, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for cpu in sorted(os.sched_getaffinity(0)):
                self._counters.append(_open(folder, cpu))
        except Unavailable:
            self.close()
            raise
        finally:
            os.close(folder)

    def seconds(self) -> float:
        return sum(struct.unpack("Q", os.read(counter, 8))[0] for counter in self._counters) / 1e9

    def close(self) -> None:
        while self._counters:
            os.close(self._counters.pop())


def _open(group: int, cpu: int) -> int:
    number = CALLS.get(platform.machine())
    if number is None:
        raise Unavailable(platform.machine())
    attribute = ctypes.create_string_buffer(struct.pack("IIQ", TYPE_SOFTWARE, ATTRIBUTE_SIZE, COUNT_CPU_CLOCK),
                                            ATTRIBUTE_SIZE)
    counter = ctypes.CDLL(None, use_errno=True).syscall(
        ctypes.c_long(number), attribute, ctypes.c_int(group), ctypes.c_int(cpu), ctypes.c_int(-1),
        ctypes.c_ulong(FLAG_PID_CGROUP | FLAG_CLOEXEC))
    if counter < 0:
        raise Unavailable(os.strerror(ctypes.get_errno()))
    return int(counter)

# SPDX-License-Identifier: Apache-2.0
"""CPU time and memory of a whole server: a cgroup of its own, or /proc where there is none."""
from __future__ import annotations

import os
import pathlib
import platform
from dataclasses import dataclass

from . import cpu_clock

CGROUPS = (pathlib.Path("/sys/fs/cgroup/unified"), pathlib.Path("/sys/fs/cgroup"))   # where version 2 may be mounted
TICK = os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on, or None when the process is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _family(root: int) -> list[int]:
    """The process, its descendants, and what shares its session."""
    stats = {int(name): _stat(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    found = {pid for pid, fields in stats.items() if fields and (pid == root or int(fields[3]) == root)}
    grew = True
    while grew:
        more = {pid for pid, fields in stats.items() if fields and int(fields[1]) in found} - found
        found |= more
        grew = bool(more)
    return sorted(found)


@dataclass(frozen=True)
class Memory:
    """Bytes of one process."""

    private: int    # that no other process has mapped, swapped-out pages left aside
    pss: int        # proportional set size: shared pages divided by those who share them


def memory(pid: int) -> Memory:
    """A process that has gone, or that we may not look into, counts nothing."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Memory(0, 0)
    return parse_rollup(text)


def parse_rollup(text: str) -> Memory:
    sizes = {fields[0]: int(fields[1]) * 1024 for fields in map(str.split, text.splitlines()) if fields[2:] == ["kB"]}
    return Memory(sizes.get("Private_Clean:", 0) + sizes.get("Private_Dirty:", 0), sizes.get("Pss:", 0))


def pss(pids: list[int]) -> int:
    """Proportional set size in bytes, summed."""
    return sum(memory(pid).pss for pid in pids)


class Account:
    """Who belongs to one server and what they have used. Start the server's processes with
    `prefix` before their argv; `roots` are their process ids."""

    def __init__(self, name: str) -> None:
        self.roots: list[int] = []
        self.group = _make_group(f"gatehouse-bench-{os.getpid()}-{name}")
        self.clock: cpu_clock.CpuClock | None = None
        if self.group:
            try:
                self.clock = cpu_clock.CpuClock(self.group)
            except cpu_clock.Unavailable:
                pass

    @property
    def how(self) -> str:
        return "perf's cpu-clock" if self.clock else "cgroup, cpu.stat" if self.group else "/proc/PID/stat"

    @property
    def prefix(self) -> list[str]:
        if self.group is None:
            return []
        return ["/bin/sh", "-c", 'echo $$ > "$0"/cgroup.procs && exec "$@"', str(self.group)]

    def pids(self) -> list[int]:
        if self.group:
            return [int(line) for line in (self.group / "cgroup.procs").read_text().split()]
        return sorted({pid for root in self.roots for pid in _family(root)})

    def cpu_seconds(self) -> float:
        """Used so far, by the best clock there is."""
        return self.clock.seconds() if self.clock else self.scheduled_seconds()

    def scheduled_seconds(self) -> float:
        """The same by the scheduler's clock, to compare with what other processes used by that clock."""
        if self.group:
            words = (self.group / "cpu.stat").read_text().split()
            return int(words[words.index("usage_usec") + 1]) / 1e6
        ticks = 0
        for pid in self.pids():
            fields = _stat(pid)
            ticks += sum(map(int, fields[11:15])) if fields else 0   # own and waited-for children
        return ticks / TICK

    def close(self) -> None:
        if self.clock:
            self.clock.close()
        if self.group:
            try:
                self.group.rmdir()
            except OSError:
                pass


def _make_group(name: str) -> pathlib.Path | None:
    for base in CGROUPS:
        group = base / name
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / "cpu.stat").exists():
            return group
        group.rmdir()
    return None


def busy_seconds() -> float:
    """CPU seconds that all of this machine has spent on anything, steal by other guests included."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / TICK


CONGESTION_CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control"


def congestion_control() -> str:
    """Of TCP, also over the loopback: one that paces (bbr) more than doubles what a large answer costs."""
    try:
        return pathlib.Path(CONGESTION_CONTROL).read_text().strip()
    except OSError:
        return "unknown"


def describe() -> dict[str, object]:
    model = "unknown"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release(), "machine": platform.machine(),
            "congestion_control": congestion_control()}

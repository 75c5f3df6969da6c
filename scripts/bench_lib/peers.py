# SPDX-License-Identifier: Apache-2.0
"""What is measured against: built or installed once into a cache, reported as absent otherwise."""
from __future__ import annotations

import functools
import os
import pathlib
import shutil
import subprocess

from . import network

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build"
PYTHON = "/usr/bin/python3.11" if os.path.exists("/usr/bin/python3.11") else "/usr/bin/python3"


class Absent(Exception):
    """A target that cannot run here; the text says why."""


def cache() -> pathlib.Path:
    """Readable by the user that the servers run as: not below /root."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    base = pathlib.Path("/var/cache" if os.geteuid() == 0 else home) / "gatehouse" / "bench"
    base.mkdir(parents=True, exist_ok=True)
    return base


def _run(argv: list[str], cwd: pathlib.Path, what: str) -> None:
    log = cwd / "install.log"
    with log.open("ab") as out:
        done = subprocess.run(network.outside(argv), cwd=cwd, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise Absent(f"{what} failed, see {log}")


@functools.cache
def apxs_query(name: str) -> str:
    apxs = shutil.which("apxs") or shutil.which("apxs2")
    if apxs is None:
        raise Absent("apxs is missing: run scripts/install-packages bench")
    return subprocess.run([apxs, "-q", name], capture_output=True, text=True, check=True).stdout.strip()


@functools.cache
def httpd() -> str:
    program = f"{apxs_query('sbindir')}/{apxs_query('progname')}"
    if not os.access(program, os.X_OK):
        raise Absent(f"{program} is missing: run scripts/install-packages bench")
    return program


@functools.cache
def floor() -> tuple[pathlib.Path, pathlib.Path]:
    """The C module and its echo server, rebuilt when their sources change."""
    work = cache() / "floor"
    module, server = work / ".libs" / "mod_floor.so", work / "echo_server"
    sources = sorted((HERE / "floor").iterdir())
    newest = max(source.stat().st_mtime for source in sources)
    if not (server.exists() and module.exists() and min(f.stat().st_mtime for f in (server, module)) > newest):
        work.mkdir(exist_ok=True)
        for source in sources:
            shutil.copy(source, work)
        apxs = shutil.which("apxs") or shutil.which("apxs2") or "apxs"
        _run([apxs, "-Wc,-Wall", "-Wc,-Wextra", "-Wc,-Werror", "-c", "mod_floor.c"], work, "apxs -c mod_floor.c")
        _run(["cc", "-O2", "-pthread", "-o", "echo_server", "echo_server.c"], work, "cc echo_server.c")
    return module, server


@functools.cache
def venv() -> pathlib.Path:
    where = cache() / "venv"
    if not (where / "bin" / "pip").exists():
        _run([PYTHON, "-m", "venv", str(where)], cache(), f"{PYTHON} -m venv")
    return where


@functools.cache
def package(name: str) -> pathlib.Path:
    """Installs the newest release from PyPI and returns its folder of site-packages."""
    pip = [str(venv() / "bin" / "python"), "-m", "pip"]
    marker = cache() / f"{name}.installed"
    if not marker.exists():
        _run([*pip, "install", "--quiet", "--upgrade", name], cache(), f"pip install {name}")
        marker.touch()
    return next((venv() / "lib").glob("python3*/site-packages"))


@functools.cache
def version(name: str) -> str:
    code = f"from importlib.metadata import version; print(version({name!r}))"
    done = subprocess.run([str(venv() / "bin" / "python"), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def incumbent() -> pathlib.Path:
    found = sorted((package("mod_wsgi") / "mod_wsgi" / "server").glob("mod_wsgi-*.so"))
    if not found:
        raise Absent("the mod_wsgi package holds no module")
    return found[-1]


def program(name: str) -> pathlib.Path:
    package(name)
    path = venv() / "bin" / name
    if not path.exists():
        raise Absent(f"{path} is missing after pip install {name}")
    return path


def most_waiting() -> int:
    """The longest queue of connections not yet accepted that the kernel allows a socket."""
    return int(pathlib.Path("/proc/sys/net/core/somaxconn").read_text())


def ours(name: str) -> pathlib.Path:
    path = BUILD / name
    if not path.exists():
        raise Absent(f"build/{name} is missing: run make")
    return path


def newest_engine(least: int) -> str:
    """The newest Python, 3.<least> or later, that an engine was built for."""
    versions = [int(file.name.removeprefix("engine-cpython-3.").removesuffix(".so"))
                for file in BUILD.glob("engine-cpython-3.*.so") if file.name.removesuffix(".so")[-1].isdigit()]
    usable = [version for version in versions if version >= least]
    if not usable:
        raise Absent(f"no engine of Python 3.{least} or later: run make engine PYTHON=/path/to/python3.{least}")
    return f"3.{max(usable)}"

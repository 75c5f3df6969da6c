# SPDX-License-Identifier: Apache-2.0
"""What make has built, and the Pythons that can serve."""
from __future__ import annotations

import pathlib
import shutil
import subprocess

from .problem import Problem

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PRODUCTS = ("mod_wsgi.so", "gatehoused", "gatehouse-cgi")


def engines() -> list[str]:
    """The versions there is an engine for, oldest first."""
    found = [path.name.removeprefix("engine-cpython-").removesuffix(".so")
             for path in (ROOT / "build").glob("engine-cpython-*.so")]
    if not found:
        raise Problem("make has built no engine: it found no CPython from 3.10 on with a shared libpython and headers")
    return sorted(found, key=lambda version: (int(version.rstrip("t").split(".")[1]), version))


def newest() -> str:
    """The version for what takes any: the newest one that has a GIL, if there is one."""
    versions = engines()
    return next((version for version in reversed(versions) if not version.endswith("t")), versions[-1])


def copy_to(folder: pathlib.Path) -> None:
    """Copies module, programs and engines: httpd's user may not be able to look into the checkout."""
    folder.mkdir()
    names = [*PRODUCTS, *(f"engine-cpython-{version}.so" for version in engines())]
    for name in names:
        try:
            shutil.copy(ROOT / "build" / name, folder)
        except OSError as error:
            raise Problem(f"build/{name} is missing after make: {error.strerror}") from error


def venv(version: str) -> pathlib.Path:
    """The virtual environment with Flask and Django for a Python; made when it is missing."""
    done = subprocess.run([str(ROOT / "scripts" / "venvs"), "--path", version], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Problem((done.stderr.strip().splitlines() or ["scripts/venvs failed"])[-1])
    return pathlib.Path(done.stdout.split()[-1])

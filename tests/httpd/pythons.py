# SPDX-License-Identifier: Apache-2.0
"""The Pythons to test: those with an engine that httpd's user can read, and the virtual environment of each."""

import functools
import os
import re
import subprocess
from pathlib import Path

from stage import CHECKOUT, MODULE


def with_engine():
    """The versions, such as '3.12', that have an engine beside the module; sorted."""
    found = (re.fullmatch(r'engine-cpython-(3\.\d+t?)\.so', file.name) for file in MODULE.parent.glob('engine-*.so'))
    return sorted((match[1] for match in found if match), key=lambda version: (minor(version), version))


def minor(version):
    return int(version.split('.')[1].rstrip('t'))


def is_free_threaded(version):
    return version.endswith('t')


@functools.cache
def executables():
    """The Pythons that every user can run, by version; scripts/pythons copies those that only root could read."""
    lines = subprocess.run([CHECKOUT / 'scripts' / 'pythons'], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return dict(line.split() for line in lines)


def usable():
    versions = with_engine()
    return versions if os.geteuid() else [version for version in versions if version in executables()]


@functools.cache
def venvs():
    """The directory of the virtual environment with requirements-apps.txt, by version."""
    lines = subprocess.run([CHECKOUT / 'scripts' / 'venvs'], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    return {name: Path(directory) for name, directory in map(str.split, lines)}

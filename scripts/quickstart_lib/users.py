# SPDX-License-Identifier: Apache-2.0
"""Which user serves, and what that user can read."""
from __future__ import annotations

import grp
import os
import pathlib
import pwd
import subprocess
from dataclasses import dataclass

from .problem import Problem


@dataclass(frozen=True)
class User:
    """Whom httpd's children and the daemons run as; made by choose()."""

    name: str
    group: str
    home: str

    @property
    def directives(self) -> list[str]:
        return [f"User {self.name}", f"Group {self.group}"]

    def run(self, argv: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        """Runs a program as this user, output captured."""
        identity = {"user": self.name, "group": self.group, "extra_groups": []} if os.geteuid() == 0 else {}
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              **identity, **options)   # type: ignore[call-overload]

    def can_read(self, path: pathlib.Path) -> bool:
        return self.run(["/usr/bin/test", "-r", str(path)], cwd="/").returncode == 0


def _user(entry: pwd.struct_passwd) -> User:
    return User(entry.pw_name, grp.getgrgid(entry.pw_gid).gr_name, entry.pw_dir)


def choose(script: pathlib.Path | None = None) -> User:
    """Whoever started us; as root www-data, or the script's owner where www-data cannot read it."""
    if os.geteuid() != 0:
        return _user(pwd.getpwuid(os.geteuid()))
    common = _user(pwd.getpwnam("www-data"))
    if script is None or common.can_read(script):
        return common
    owner = script.stat().st_uid
    if owner != 0:
        return _user(pwd.getpwuid(owner))
    raise Problem(f"{script} belongs to root and {common.name} cannot read it, and no application runs as root. "
                  f"Put it where others can read it, such as below /srv, or give it to another user")

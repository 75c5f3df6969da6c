# SPDX-License-Identifier: Apache-2.0
"""What a target is given, and what it says of itself."""
from __future__ import annotations

import pathlib
from dataclasses import dataclass, field

from .jobs import Layout


@dataclass(frozen=True)
class Site:
    """Where one server lives while it is measured."""

    run: pathlib.Path       # its run directory
    application: pathlib.Path
    user: str               # whom backends drop to; empty: they were not started as root
    group: str
    layout: Layout
    port: int               # on 127.0.0.1, of httpd or of the target that listens itself
    connections: int        # that clients keep at most


@dataclass
class Plan:
    directives: list[str]
    modules: list[str] = field(default_factory=list)      # httpd modules besides the common ones
    programs: list[list[str]] = field(default_factory=list)
    sockets: list[pathlib.Path] = field(default_factory=list)   # that must exist before httpd starts
    environment: dict[str, str] = field(default_factory=dict)
    version: str = ""
    python: bool = True     # the application answers, so it can tell which Python it runs on
    httpd: bool = True      # False: the programs listen on the site's port themselves

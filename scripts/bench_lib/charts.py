# SPDX-License-Identifier: Apache-2.0
"""Which chart belongs to which kind of document."""
from __future__ import annotations

from collections.abc import Mapping

from . import chart, latency, memory, scaling, syscalls

DRAW = {"jobs": chart.draw, "syscalls": syscalls.draw, "scaling": scaling.draw, "memory": memory.draw,
        "latency": latency.draw}


def draw(document: Mapping[str, object]) -> str:
    return DRAW[str(document.get("kind", "jobs"))](document)

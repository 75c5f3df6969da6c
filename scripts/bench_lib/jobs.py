# SPDX-License-Identifier: Apache-2.0
"""The jobs: what each request asks for, and how its answer is checked before it is timed."""
from __future__ import annotations

import http.client
import json
from dataclasses import dataclass

LINE = b"Hello, world!\n"
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Layout:
    """Daemon processes and threads of the Python servers that have them."""

    processes: int
    threads: int


COMMON = Layout(2, 5)
WAITING = Layout(7, 5)   # 35 threads: as many as 32 clients can keep waiting


@dataclass(frozen=True)
class Job:
    name: str
    what: str
    answer: int | None = None    # bytes of the pattern that come back; None: see check()
    upload: int = 0              # bytes of request body
    layout: Layout = COMMON

    @property
    def method(self) -> str:
        return "POST" if self.upload else "GET"

    @property
    def path(self) -> str:
        return "/" + self.name

    def check(self, status: int, body: bytes) -> str:
        """Says what is wrong with an answer, or nothing."""
        if status != 200:
            return f"status {status}"
        if self.upload:
            return "" if body == b"%d\n" % self.upload else f"counted {body[:20]!r}, sent {self.upload}"
        if self.answer is None:
            return "" if "REQUEST_METHOD" in json.loads(body) else "no REQUEST_METHOD in the environ"
        if len(body) != self.answer:
            return f"{len(body)} bytes, expected {self.answer}"
        whole = self.name != "stream100"
        expected = LINE * (self.answer // len(LINE) + 1) if whole else (LINE * 10)[:128] * 100
        return "" if body == expected[:self.answer] else "wrong bytes"


JOBS: tuple[Job, ...] = (
    Job("hello", "Hello, world!", answer=len(LINE)),
    Job("page20k", "20 KB page with eleven headers", answer=20 * 1024),
    Job("environ", "the environ as JSON"),
    Job("upload1k", "1 KB upload, read and counted", upload=1024),
    Job("upload1m", "1 MB upload, read and counted", upload=MEGABYTE),
    Job("memory10m", "10 MB from memory", answer=10 * MEGABYTE),
    Job("file10m", "10 MB by wsgi.file_wrapper", answer=10 * MEGABYTE),
    Job("stream100", "100 pieces of 128 bytes, yielded", answer=100 * 128),
    Job("sleep20", "20 ms sleep", answer=len(LINE), layout=WAITING),
    Job("cpu2", "2 ms of CPU", answer=len(LINE)),
)


def ask(port: int, job: Job, timeout: float = 20.0) -> str:
    """Sends one request of the job and says what is wrong with the answer, or nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(job.method, job.path, body=b"x" * job.upload if job.upload else None)
        answer = connection.getresponse()
        return job.check(answer.status, answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()


def python_of(port: int) -> str:
    """The version that the application reports, or nothing where no Python answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20.0)
    try:
        connection.request("GET", "/about")
        answer = connection.getresponse()
        body = answer.read()
        return json.loads(body)["python"].split()[0] if answer.status == 200 else ""
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return ""
    finally:
        connection.close()

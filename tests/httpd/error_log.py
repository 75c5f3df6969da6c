# SPDX-License-Identifier: Apache-2.0
"""The error log as an oracle: what a test did not announce fails it, and so does what it announced in vain."""

import re
import time
from dataclasses import dataclass

import pytest

FORMAT = r'[%{cu}t] [%-m:%l] [pid %P] [id %-L] [client %-a] %E: %M'
# httpd's lines have id and client; those that gatehoused writes about itself have neither.
_LINE = re.compile(r'\[(?P<time>[^\]]*)\] \[(?P<module>[^:\]]*):(?P<level>\w+)\] \[pid (?P<pid>\d+)[^\]]*\] '
                   r'(?:\[id (?P<id>\S+)\] \[client (?P<client>\S+)\] )?(?P<message>.*)')
_QUIET = {'warn', 'notice', 'info', 'debug', *(f'trace{n}' for n in range(1, 9))}
_FATAL = re.compile(r'exit signal|Sanitizer|Segmentation|AH00052|[Aa]ssertion')
_WAIT = 5.0


@dataclass(frozen=True)
class Line:
    file: str
    text: str

    @property
    def fields(self):
        """time, module, level, pid, id, client, message; empty for a line of no known form."""
        match = _LINE.match(self.text)
        return match.groupdict() if match else {}

    @property
    def message(self):
        return self.fields.get('message', self.text)

    @property
    def is_alarming(self):
        return self.fields.get('level') not in _QUIET or bool(_FATAL.search(self.text))


class LogFile:
    """Reads the lines that were added to a file since the last look."""

    def __init__(self, path):
        self.path = path
        self.offset = 0

    def new_lines(self):
        with open(self.path, 'rb') as file:
            file.seek(self.offset)
            data = file.read()
        data = data[:data.rfind(b'\n') + 1]
        self.offset += len(data)
        return [Line(self.path.name, line) for line in data.decode('utf-8', 'backslashreplace').splitlines() if line]


class LogDirectory:
    """All error logs of one server."""

    def __init__(self, path):
        self.path = path
        self.files = {}

    def new_lines(self):
        for path in sorted(self.path.glob('*.log')):
            self.files.setdefault(path, LogFile(path))
        return [line for file in self.files.values() for line in file.new_lines()]


class ErrorLog:
    """The lines written during one test, in all logs of all servers, and what it announced."""

    def __init__(self, directories):
        self.directories = directories  # a callable: servers may be started during the test
        self.lines = []
        self.expected = []  # (pattern, times or None)
        self.allowed = []

    def expect(self, pattern, times=None):
        """Announces lines that match: exactly as many as `times` says, or at least one."""
        self.expected.append((re.compile(pattern), times))

    def expect_traceback(self, exception, times=1):
        """Announces a failure of an application: one line of ours that names the exception (given as a pattern), and
        Python's traceback, which has no frames when the exception arose outside of Python code."""
        self.expect(r'GH0[67]\d\d: .*' + exception, times)
        self.expect(r'(\] |^)(\w+\.)*' + exception, times)
        self.allow(r'(\] |^)(Traceback \(most recent call last\)|  +\S)')

    def allow(self, pattern):
        """Announces lines that may come."""
        self.allowed.append(re.compile(pattern))

    def read(self):
        for directory in self.directories():
            self.lines += directory.new_lines()
        return self.lines

    def wait_for(self, pattern, timeout=_WAIT):
        """The first line of this test that matches; awaited."""
        deadline = time.monotonic() + timeout
        while True:
            found = self.matching(pattern)
            if found:
                return found[0]
            assert time.monotonic() < deadline, f'not in the error log: {pattern}\n{self}'
            time.sleep(0.02)

    def matching(self, pattern):
        return [line for line in self.read() if re.search(pattern, line.text)]

    def missing(self):
        self.read()
        counts = [(p, times, sum(bool(p.search(line.text)) for line in self.lines)) for p, times in self.expected]
        return [f'{p.pattern}: {count} of {times or "1 or more"}' for p, times, count in counts
                if count != times and (times is not None or count == 0)]

    def unexpected(self):
        announced = [pattern for pattern, _ in self.expected] + self.allowed
        return [line for line in self.lines
                if line.is_alarming and not any(pattern.search(line.text) for pattern in announced)]

    def verify(self):
        """Fails unless the log holds exactly what was announced."""
        deadline = time.monotonic() + _WAIT
        while self.missing() and time.monotonic() < deadline:
            time.sleep(0.02)
        if missing := self.missing():
            pytest.fail('announced for the error log but not there as often:\n' + '\n'.join(missing) + f'\n{self}',
                        pytrace=False)
        if unexpected := self.unexpected():
            pytest.fail('not announced for the error log:\n' + '\n'.join(f'{u.file}: {u.text}' for u in unexpected),
                        pytrace=False)

    def __str__(self):
        return 'error log:\n' + '\n'.join(f'  {line.file}: {line.text}' for line in self.lines[-200:])

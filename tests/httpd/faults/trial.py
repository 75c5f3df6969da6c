# SPDX-License-Identifier: Apache-2.0
"""One trial: steady traffic, a fault in the middle of it, and what must hold after every fault (U1 to U7 of the rows).

U1, a clean error log without crashes, is the error_log fixture's. The others are judged at the end of a trial."""

import threading
import time

import census
from processes import wait_until
from traffic import percentile


class Row:
    """A row under test: how large its fault is, and the figures that came of it."""

    def __init__(self, name, form, size, error_log):
        self.name, self.form, self.size, self.error_log = name, form, size, error_log
        self.figures = []
        self.missed = []

    def hold(self, what, value, at_most=None, at_least=None):
        """Notes a figure. At its end the test fails unless all are within their limits."""
        limit = f'at most {at_most:g}' if at_least is None else f'at least {at_least:g}'
        self.figures.append(f'{what}: {value:.4g} ({limit})')
        print(self.name, self.figures[-1])
        if (at_most is not None and value > at_most) or (at_least is not None and value < at_least):
            self.missed.append(self.figures[-1])

    def hold_p99(self, what, latencies, base, factor):
        """Holds the 99th percentile of latencies against that of steady state. The short form is for any machine."""
        limit = max(self.form.wide(factor) * base, base + self.form.noise)
        self.hold(f'p99 {what} in ms, steady {1000 * base:.3g}', 1000 * percentile(latencies), at_most=1000 * limit)

    def trial(self, server, traffic, groups=None, **options):
        return Trial(self, server, traffic, groups or {'one': 2}, **options)


class Trial:
    """`with row.trial(server, traffic):` injects a fault under load. Traffic begins before it and goes on after it.

    groups: name -> processes that there are before and after. settle: seconds that the server may take to be as it was.
    lines: of the log, for each event() of the fault."""

    def __init__(self, row, server, traffic, groups, settle=15, lines=10):
        self.row, self.server, self.traffic, self.groups = row, server, traffic, groups
        self.settle, self.lines_allowed = settle, lines
        self.events = 0  # faults injected
        self.base = 0.0  # p99 in steady state

    def __enter__(self):
        self.traffic.__enter__()
        wait_until(lambda: self.traffic.done >= 100, 60, 'traffic is steady')
        self.await_crowd()
        self.base = percentile(self._measure())
        self.holdings = census.take(self.server)
        self.lines = len(self.row.error_log.read())
        self.begun = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.traffic.stop()
            return
        self.ended = time.monotonic()
        own_lines = [line for line in self.row.error_log.read()[self.lines:] if is_own(line)]
        pause(self.row.form.calm)
        after = self._measure()
        self.traffic.stop()
        self._judge_answers()
        self.row.hold_p99('after it', after, self.base, 1.2)
        self.await_crowd()
        self._judge_holdings()
        self.row.hold('log lines for each fault', len(own_lines) / max(1, self.events), at_most=self.lines_allowed)

    def event(self):
        self.events += 1

    def _measure(self):
        since = time.monotonic()
        pause(self.row.form.steady)
        return self.traffic.latencies(since)

    def await_crowd(self):
        wanted = census.wanted_crowd(self.groups)
        try:
            wait_until(lambda: census.crowd(self.server) == wanted and not self.server.zombies(), self.settle)
        except AssertionError:
            raise AssertionError(f'within {self.settle} s: {dict(census.crowd(self.server))}, '
                                 f'zombies {self.server.zombies()}, wanted {dict(wanted)}') from None

    def _judge_answers(self):
        wrong = self.traffic.of_kind('truncated', 'foreign', 'silent')
        self.row.hold(f'of {self.traffic.done} answers truncated unseen, foreign or missing', len(wrong), at_most=0)

    def _judge_holdings(self):
        """Channels that are kept come to rest within some ten seconds; the short form does not wait for that."""
        channels = self.row.form.channels
        found = []

        def is_as_before():
            found[:] = census.excess(self.holdings, census.take(self.server), channels)
            return not found
        try:
            wait_until(is_as_before, self.settle)
        except AssertionError:
            raise AssertionError(f'held {self.settle} s after the fault: {found}') from None


def is_own(line):
    """A line about processes, not about one request."""
    fields = line.fields
    return not fields or fields['module'] == 'wsgi' and fields['client'] in (None, '-')


def pause(seconds):
    """The pace of a load: for what lasts, not for what is awaited."""
    threading.Event().wait(seconds)


class Pace:
    """Each call returns that many seconds after the one before it, however long the work between them takes."""

    def __init__(self, seconds):
        self.seconds, self.next = seconds, time.monotonic()

    def __call__(self):
        self.next = max(self.next + self.seconds, time.monotonic())
        pause(max(0.0, self.next - time.monotonic()))

# SPDX-License-Identifier: Apache-2.0
"""Clients that know what they must get: each request has a token, and everything about its answer is kept."""

import itertools
import threading
import time
import zlib
from dataclasses import dataclass, replace

from raw_http import Closed

POSTED = 100_000


@dataclass(frozen=True)
class Outcome:
    token: str
    begun: float  # monotonic
    took: float
    kind: str  # see Traffic

    @property
    def is_good(self):
        return self.kind == 'good'


def percentile(values, share=0.99):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def expected_body(token, body):
    return b'%s %d %08x\n' % (token.encode(), len(body), zlib.crc32(body)) * 16


def is_without_answer(error):
    """Was the connection closed before a byte of the answer's head came?"""
    return not isinstance(error, Closed) or str(error).endswith("[b'']")


class Traffic:
    """Clients of the application token.wsgi, from `with` to its end. Every other client keeps its connection and posts
    100 KB; the others, or all when fresh, open one for each request. An outcome is one of

    good       the answer of this request, whole
    NNN        an answer of that status, whole
    aborted    the answer's end was missing, and could be seen to be
    closed     no answer: the connection ended, or was refused
    silent     no answer within patience seconds
    foreign    a whole answer to another request
    truncated  an answer that looked whole and was not

    unseen     a kept connection was closed when a request came, as httpd does between two requests, and no application
               has seen it: every browser sends that again. With a journal, those that were seen become closed.
    """

    _numbers = itertools.count(1)

    def __init__(self, server, path='/token?20', clients=20, journal=None, fresh=False, patience=30):
        self.server, self.journal, self.patience = server, journal, patience
        self.path = path + (f'&{journal}' if journal else '')
        self.outcomes = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run_fresh if fresh or number % 2 else self._run_kept,
                                          args=(number,), daemon=True) for number in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(self.patience + 30)
        assert not any(thread.is_alive() for thread in self._threads), 'a client does not end'
        if self.journal:
            seen = Journal(self.journal).of_anybody()
            self.outcomes = [replace(one, kind='closed') if one.kind == 'unseen' and one.token in seen else one
                             for one in self.outcomes]

    # --- What came of it

    @property
    def done(self):
        return len(self.outcomes)

    def failures(self):
        return [outcome for outcome in self.outcomes if outcome.kind not in ('good', 'unseen')]

    def of_kind(self, *kinds):
        return [outcome for outcome in self.outcomes if outcome.kind in kinds]

    def latencies(self, since=0.0, until=float('inf')):
        """Of the good requests that ended between the two times."""
        return [outcome.took for outcome in self.outcomes
                if outcome.is_good and since <= outcome.begun + outcome.took < until]

    def waits(self, since=0.0, until=float('inf')):
        """Of all requests that began between the two times."""
        return [outcome.took for outcome in self.outcomes if since <= outcome.begun < until]

    # --- The clients

    def _run_fresh(self, number):
        while not self._stop.is_set():
            token = self._token()
            self._note(token, lambda: self._once(token, number))

    def _once(self, token, number):
        with self.server.connect(self.patience) as connection:
            headers = [('X-Token', token), ('Connection', 'close')]
            if number % 4 == 1:
                headers.append(('X-Framing', 'length'))
            return connection.request('GET', self.path, headers), b''

    def _run_kept(self, number):
        kept = []  # the connection, if there is one
        while not self._stop.is_set():
            token = self._token()
            good = self._note(token, lambda: self._post(kept, token, number), on_kept=bool(kept))
            if not good and kept:
                kept.pop().close()
        if kept:
            kept.pop().close()

    def _post(self, kept, token, number):
        if not kept:
            kept.append(self.server.connect(self.patience))
        body = token.encode().ljust(POSTED, b'.')
        headers = [('X-Token', token)] + ([('X-Framing', 'length')] if number % 4 == 0 else [])
        response = kept[0].request('POST', self.path, headers, body)
        if response.closes:
            kept.pop().close()
        return response, body

    def _token(self):
        return f't{next(self._numbers)}'

    def _note(self, token, ask, on_kept=False):
        begun = time.monotonic()
        try:
            response, body = ask()
            kind = self._judge(token, response, body)
        except TimeoutError:
            kind = 'silent'
        except OSError as error:
            kind = 'unseen' if on_kept and is_without_answer(error) else 'closed'
        self.outcomes.append(Outcome(token, begun, time.monotonic() - begun, kind))
        if kind == 'closed':
            self._stop.wait(0.05)  # no flood while nobody listens
        return kind == 'good'

    @staticmethod
    def _judge(token, response, body):
        if not response.complete:
            return 'aborted'
        if response.status != 200:
            return str(response.status)
        if response.body == expected_body(token, body):
            return 'good'
        return 'truncated' if expected_body(token, body).startswith(response.body) else 'foreign'


class Journal:
    """Which process was entered for which request, as token.wsgi notes it in a directory."""

    def __init__(self, directory):
        self.directory = directory

    def entered(self):
        """Tokens by process id."""
        return {int(path.name.split('-')[1]): set(path.read_text().split())
                for path in self.directory.glob('journal-*')}

    def of_anybody(self):
        return set().union(*self.entered().values())

# SPDX-License-Identifier: Apache-2.0
"""Clients on top of one request: an application seen through one mode, and many clients at once."""

import collections
import json
import threading
import urllib.parse

from http2 import Http2Connection
from raw_http import Closed, Connection, format_request


class Mount:
    """The applications of tests/apps as one mode serves them: paths are `name`, `name/path`, `name?query`."""

    def __init__(self, server, prefix):
        self.server = server
        self.prefix = prefix

    @property
    def mode(self):
        return self.prefix.strip('/').split('/')[0]

    def path(self, path):
        return self.prefix + path

    def get(self, path, headers=(), **options):
        return self.server.get(self.prefix + path, headers, **options)

    def head(self, path, headers=(), **options):
        return self.server.request('HEAD', self.prefix + path, headers, **options)

    def post(self, path, body, headers=(), **options):
        return self.server.post(self.prefix + path, body, headers, **options)

    def environ(self, path='environ_json', headers=(), **options):
        """The environ that the application saw; values that are no JSON come as their repr."""
        return self.get(path, headers, **options).json()

    def respond(self, status='200 OK', headers=(), blocks=(), method='GET', connection=None, **more):
        """The response of an application that was told what to pass to start_response and to yield."""
        plan = json.dumps({'status': status, 'headers': list(headers), 'blocks': list(blocks), **more})
        path = self.path('respond?' + urllib.parse.quote(plan))
        return connection.request(method, path) if connection else self.server.request(method, path)


class Wire(Mount):
    """The applications through one mode and one protocol, h1 (HTTP/1.1) or h2 (HTTP/2). Each request is followed by
    another on the same connection, sent before the first is answered, which must get its own answer, or not a byte
    where HTTP/1.1 closes the connection."""

    def __init__(self, server, prefix, protocol):
        super().__init__(server, prefix)
        self.is_http2 = protocol == 'h2'
        self.connection = None
        self.asked = 0

    def connect(self, **options):
        return (Http2Connection if self.is_http2 else Connection)(self.server.port, **options)

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def respond(self, status='200 OK', headers=(), blocks=(), method='GET', **more):
        plan = json.dumps({'status': status, 'headers': list(headers), 'blocks': list(blocks), **more})
        return self.ask(method, 'respond?' + urllib.parse.quote(plan))

    def ask(self, method, path, headers=(), body=b''):
        """The response; None when the connection, or the stream, ended without one."""
        self.connection = self.connection or self.connect()
        self.asked += 1
        token = f'{self.prefix} request {self.asked}'.encode()
        both = self._ask_http2 if self.is_http2 else self._ask_http1
        response, after = both((method, self.prefix + path, headers, body),
                               ('POST', self.prefix + 'echo_body', (), token))
        if self.is_http2 or after is not None:
            assert (after.status, after.body, after.complete) == (200, token, True), after
        return response

    def _ask_http1(self, first, second):
        self.connection.send(format_request(*first) + format_request(*second))
        try:
            response = self.connection.response(first[0])
        except Closed as closed:
            assert str(closed).endswith(f'{[b""]}'), closed
            response = None
        if response is not None and response.complete and not response.closes:
            return response, self.connection.response()
        assert self.connection.rest() == b''
        self.close()
        return response, None

    def _ask_http2(self, first, second):
        streams = [self.connection.start(*request) for request in (first, second)]
        try:
            response = self.connection.response(streams[0])
        except Closed:
            response = None
        return response, self.connection.response(streams[1])


class Load:
    """Clients that send the same request over and over, each time on a new connection, until the block ends."""

    def __init__(self, server, path, clients=4):
        self.server, self.path = server, path
        self.results = collections.Counter()
        self.failures = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def _run(self):
        while not self._stop.is_set():
            try:
                response = self.server.get(self.path)
                result = response.status if response.complete else 'truncated'
            except OSError as error:
                result = repr(error)
            self.results[result] += 1
            if result != 200:
                self.failures.append(result)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def done(self):
        return sum(self.results.values())


def at_once(function, arguments, timeout=60):
    """Calls function with each argument in a thread of its own; returns the results in order, None for one that has
    none after so many seconds."""
    arguments = list(arguments)
    results = [None] * len(arguments)

    def run(index):
        try:
            results[index] = function(arguments[index])
        except OSError as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(arguments))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
    return results

# SPDX-License-Identifier: Apache-2.0
"""Clients on top of one request: an application seen through one mode, and many clients at once."""

import collections
import json
import threading
import urllib.parse


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


def at_once(function, arguments):
    """Calls function with each argument in a thread of its own; returns the results in order."""
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
        thread.join(60)
    return results

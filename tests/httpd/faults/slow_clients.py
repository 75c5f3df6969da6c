# SPDX-License-Identifier: Apache-2.0
"""Clients that send or read a byte now and then, all of them from one thread."""

import socket
import threading


class SlowClients:
    """From `with` to its end. start: what each sends at once; then it sends one byte of rest a second, or, without rest,
    reads that many bytes a second of what comes."""

    def __init__(self, server, count, start, rest=b'', reads=0, receive_buffer=None):
        self.server, self.count, self.start, self.rest, self.reads = server, count, start, rest, reads
        self.receive_buffer = receive_buffer
        self.sockets = []
        self.answered = 0  # clients that got something, or were closed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for _ in range(self.count):
            client = socket.socket()
            if self.receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
            client.settimeout(30)
            client.connect(('127.0.0.1', self.server.port))
            client.sendall(self.start)
            self.sockets.append(client)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(30)
        for client in self.sockets:
            client.close()

    def _run(self):
        at = 0
        open_ones = set(self.sockets)
        while not self._stop.wait(1):
            for client in list(open_ones):
                try:
                    if self.rest:
                        client.sendall(self.rest[at:at + 1])
                    elif not client.recv(self.reads):
                        raise ConnectionError
                except OSError:
                    open_ones.discard(client)
            at += 1
            self.answered = self.count - len(open_ones)

# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 with nothing hidden: what was sent, what came back byte for byte, and whether it was complete."""

import json
import socket
import threading
from dataclasses import dataclass, field

TIMEOUT = 30.0
BODILESS = (204, 304)


class Closed(ConnectionError):
    """The server closed the connection before a response head was complete."""


@dataclass
class Response:
    status: int
    reason: str
    headers: list
    body: bytes = b''
    complete: bool = True  # False: the connection ended before the framing said so
    interim: list = field(default_factory=list)  # statuses of the 1xx responses before this one

    def header(self, name):
        """The first value of a header, or None."""
        return next(iter(self.all(name)), None)

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def closes(self):
        """Did the server announce to close the connection?"""
        return any('close' in value.lower() for value in self.all('Connection'))

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    def json(self):
        assert self.status == 200, f'{self.status} {self.reason}: {self.text[:500]}'
        return json.loads(self.body)


class Connection:
    """One TCP connection to a server; responses are read in order."""

    def __init__(self, port, timeout=TIMEOUT, receive_buffer=None):
        """receive_buffer: bytes that the kernel holds for it, doubled; to be set before it connects."""
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(('127.0.0.1', port))
        self.stream = self.socket.makefile('rb')

    def wrap(self, tls):
        """Goes on over TLS, with an ssl.SSLContext."""
        self.socket = tls.wrap_socket(self.socket, server_hostname='localhost', suppress_ragged_eofs=True)
        self.stream = self.socket.makefile('rb')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, path, headers=(), body=b'', host='127.0.0.1'):
        """Sends a request and reads its response, both at the same time when the body is large."""
        data = format_request(method, path, headers, body, host)
        if len(data) <= 65536:
            self.send(data)
            return self.response(method)
        sender = threading.Thread(target=self._send_what_is_taken, args=(data,), daemon=True)
        sender.start()
        response = self.response(method)
        sender.join(TIMEOUT)
        return response

    def _send_what_is_taken(self, data):
        try:
            self.send(data)
        except OSError:
            pass  # the server answered without reading it all; the response tells why

    def response(self, method='GET'):
        return read_response(self.stream, method)

    def rest(self):
        """All bytes until the server closes."""
        return read_to_end(self.stream)

    def is_closed(self):
        """Waits for the server's end-of-file; False if it sends something or stays silent for 2 s."""
        self.socket.settimeout(2.0)
        try:
            return self.stream.read(1) == b''
        except ConnectionResetError:
            return True
        except OSError:
            return False


def format_request(method, path, headers=(), body=b'', host='127.0.0.1'):
    fields = [('Host', host), *(headers.items() if isinstance(headers, dict) else headers)]
    names = {name.lower() for name, _ in fields}
    if body and not names & {'content-length', 'transfer-encoding'}:
        fields.append(('Content-Length', str(len(body))))
    head = f'{method} {path} HTTP/1.1\r\n' + ''.join(f'{name}: {value}\r\n' for name, value in fields)
    return head.encode('latin-1') + b'\r\n' + body


def chunked(*pieces):
    return b''.join(b'%x\r\n%s\r\n' % (len(piece), piece) for piece in pieces) + b'0\r\n\r\n'


def read_response(stream, method='GET'):
    interim = []
    while True:
        response = read_head(stream)
        if response.status >= 200:
            break
        interim.append(response.status)
    response.interim = interim
    if method == 'HEAD' or response.status in BODILESS:
        return response
    if 'chunked' in (response.header('Transfer-Encoding') or '').lower():
        response.body, response.complete = read_chunks(stream)
    elif (length := response.header('Content-Length')) is not None:
        response.body = read_at_most(stream, int(length))
        response.complete = len(response.body) == int(length)
    else:
        response.body = read_to_end(stream)
    return response


def read_head(stream):
    lines = []
    while (line := read_line(stream)) != b'\r\n':
        if not line.endswith(b'\r\n'):
            raise Closed(f'connection closed in the response head: {lines + [line]}')
        lines.append(line[:-2].decode('latin-1'))
    _, status, reason = (lines[0].split(' ', 2) + [''])[:3]
    headers = [(name, value.strip(' \t')) for name, _, value in (line.partition(':') for line in lines[1:])]
    return Response(int(status), reason, headers)


def read_line(stream):
    try:
        return stream.readline(1 << 25)
    except ConnectionResetError:
        return b''


def read_chunks(stream):
    body = b''
    while True:
        line = read_line(stream)
        try:
            size = int(line.split(b';')[0], 16)
        except ValueError:
            return body, False
        piece = read_at_most(stream, size)
        body += piece
        if len(piece) < size:
            return body, False
        if read_line(stream) != b'\r\n':
            return body, False
        if size == 0:
            return body, True


def read_at_most(stream, size):
    pieces = []
    while size > 0:
        try:
            piece = stream.read1(min(size, 1 << 18))
        except ConnectionResetError:
            break
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b''.join(pieces)


def read_to_end(stream):
    return read_at_most(stream, 1 << 40)

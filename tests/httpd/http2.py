# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 with prior knowledge, frame by frame: what came on a stream, and whether it ended as it should."""

import socket
import ssl
import threading

import h2.config
import h2.connection
import h2.errors
import h2.events

from raw_http import TIMEOUT, Closed, Response

CONNECTION_HEADERS = ('connection', 'host', 'transfer-encoding', 'keep-alive')


class Http2Connection:
    """One connection; `request` waits for its stream's end. Streams of the same connection are numbered on."""

    def __init__(self, port, timeout=TIMEOUT, tls=None):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname='localhost')
            assert self.socket.selected_alpn_protocol() == 'h2'
        # What a test sends may be wrong on purpose; what comes back must be right.
        config = h2.config.H2Configuration(header_encoding='latin-1', validate_outbound_headers=False,
                                           normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.responses = {}
        self.ended = {}  # by stream: True = END_STREAM, False = reset
        self.interim = {}  # by stream: statuses of its 1xx responses
        self.lost = None  # why the whole connection ended
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, method, path, headers=(), body=b'', host='127.0.0.1'):
        stream = self.start(method, path, headers, body, host)
        return self.response(stream)

    def start(self, method, path, headers=(), body=b'', host='127.0.0.1', end=True):
        """Sends a request and returns its stream; with end=False the body may go on."""
        fields = headers.items() if isinstance(headers, dict) else headers
        stream = self.h2.get_next_available_stream_id()
        plain = [(name.lower(), value) for name, value in fields if name.lower() not in CONNECTION_HEADERS]
        if body and end and 'content-length' not in dict(plain):
            plain.append(('content-length', str(len(body))))
        pseudo = [(':method', method), (':scheme', 'https' if isinstance(self.socket, ssl.SSLSocket) else 'http'),
                  (':path', path), (':authority', host)]
        self.responses[stream] = None
        self.h2.send_headers(stream, [*pseudo, *plain], end_stream=end and not body)
        self.flush()
        self.send(stream, body, end)
        return stream

    def send(self, stream, body, end=False):
        """Sends body bytes as the windows allow, until the server ends the stream."""
        while body and stream not in self.ended and self.lost is None:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room == 0:
                self.receive()
                continue
            piece, body = body[:room], body[room:]
            self.h2.send_data(stream, piece, end_stream=end and not body)
            self.flush()

    def reset(self, stream):
        self.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self.flush()

    def response(self, stream):
        """Waits for the end of the stream. A reset, or the connection's end, makes the response incomplete."""
        while stream not in self.ended and self.lost is None:
            self.receive()
        response = self.responses[stream]
        if response is None:
            raise Closed(f'stream {stream} ended without a head: {self.lost or "reset"}')
        response.complete = self.ended.get(stream, False)
        return response

    def receive(self):
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            data = b''
        if not data:
            self.lost = 'connection closed'
            return
        for event in self.h2.receive_data(data):
            self.on_event(event)
        self.flush()

    def on_event(self, event):
        if isinstance(event, h2.events.ResponseReceived):
            fields = list(event.headers)
            self.responses[event.stream_id] = Response(int(fields[0][1]), '', fields[1:],
                                                       interim=self.interim.pop(event.stream_id, []))
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self.interim.setdefault(event.stream_id, []).append(int(event.headers[0][1]))
        elif isinstance(event, h2.events.DataReceived):
            self.responses[event.stream_id].body += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.ended[event.stream_id] = True
        elif isinstance(event, h2.events.StreamReset):
            self.ended.setdefault(event.stream_id, False)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.lost = f'GOAWAY {event.error_code}'

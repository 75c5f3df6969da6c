# SPDX-License-Identifier: Apache-2.0
"""A block that the application yields reaches the client before the next one is made."""
import time

from raw_http import format_request, read_head


def test_a_block_arrives_while_the_application_works_on_the_next(lasting, tmp_directory):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'streaming?{tmp_directory}'), {'Connection': 'close'}))
        read_head(connection.stream)
        assert connection.stream.readline() + connection.stream.read(5) == b'5\r\nfirst'
        (tmp_directory / 'go').touch()
        assert connection.rest() == b'\r\n6\r\nsecond\r\n0\r\n\r\n'


def test_blocks_right_behind_each_other_arrive_while_the_application_waits(lasting, tmp_directory):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path(f'quick_pieces?{tmp_directory}'), {'Connection': 'close'}))
        read_head(connection.stream)
        expected = b''.join(b'%02d,' % number for number in range(100))
        received = b''
        while len(received) < len(expected):
            received += connection.stream.read(int(connection.stream.readline(), 16))
            assert connection.stream.readline() == b'\r\n'
        assert received == expected
        (tmp_directory / 'go').touch()
        assert connection.rest() == b'3\r\nend\r\n0\r\n\r\n'


def test_a_client_that_reads_late_gets_a_large_body_whole(lasting):
    with lasting.server.connect() as connection:
        connection.send(format_request('GET', lasting.path('input_ignored?20000000')))
        time.sleep(1)  # meanwhile all buffers on the way are full
        response = connection.response()
        assert response.complete and len(response.body) == 20_000_000

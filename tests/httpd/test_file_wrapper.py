# SPDX-License-Identifier: Apache-2.0
import os

import pytest


@pytest.fixture(scope='module')
def sample(stage):
    """A file larger than any buffer."""
    file = stage.root / 'sample'
    file.write_bytes(os.urandom(700_001))
    return file


@pytest.mark.parametrize('kind', ['', 'memory', 'iterate'], ids=['file', 'memory', 'iterated'])
def test_the_whole_file_is_sent(everywhere, sample, kind):
    assert everywhere.get(f'file_wrapper?file={sample}&kind={kind}').body == sample.read_bytes()


def test_a_regular_file_gets_its_content_length(lasting, sample):
    assert lasting.get(f'file_wrapper?file={sample}').header('Content-Length') == '700001'


@pytest.mark.parametrize('kind', ['', 'memory', 'iterate'], ids=['file', 'memory', 'iterated'])
def test_sending_starts_at_the_files_position(mount, sample, kind):
    assert mount.get(f'file_wrapper?file={sample}&seek=700000&kind={kind}').body == sample.read_bytes()[700000:]


def test_a_position_at_the_end_sends_nothing(mount, sample):
    response = mount.get(f'file_wrapper?file={sample}&seek=700001')
    assert (response.status, response.body, response.complete) == (200, b'', True)


@pytest.mark.parametrize('kind', ['', 'memory'], ids=['file', 'memory'])
def test_content_length_bounds_what_is_sent(mount, sample, error_log, kind):
    error_log.allow('GH0614: ')
    response = mount.get(f'file_wrapper?file={sample}&seek=10&length=100&kind={kind}')
    assert response.body == sample.read_bytes()[10:110] and response.complete


@pytest.mark.parametrize('kind', ['', 'memory'], ids=['file', 'memory'])
def test_a_content_length_beyond_the_file_aborts_the_connection(lasting, sample, error_log, kind):
    response = lasting.get(f'file_wrapper?file={sample}&length=700002&kind={kind}')
    assert len(response.body) == 700_001 and not response.complete
    error_log.expect('GH0613: .*promised', times=1)


def test_small_blocks_add_up(mount, sample):
    assert mount.get(f'file_wrapper?file={sample}&kind=iterate&block=1000').body == sample.read_bytes()


def test_an_empty_file_is_an_empty_body(mount, stage):
    empty = stage.root / 'empty'
    empty.touch()
    response = mount.get(f'file_wrapper?file={empty}')
    assert (response.status, response.body) == (200, b'')


def test_head_of_a_file_sends_no_body(mount, sample):
    assert mount.head(f'file_wrapper?file={sample}').status == 200


def test_two_requests_for_one_file_do_not_share_its_position(lasting, sample):
    from clients import at_once
    bodies = at_once(lambda _: lasting.get(f'file_wrapper?file={sample}').body, range(8))
    assert bodies == [sample.read_bytes()] * 8

# SPDX-License-Identifier: Apache-2.0
"""More requests than threads: how many wait, who is turned away, who goes first, and who is forgotten."""
import os
import signal
import threading
import time

import pytest

from http2 import Http2Connection
from processes import wait_until
from raw_http import format_request

SIZE = 10  # of most queues here: what the kernel counts exactly


class Crowd:
    """Requests to tests/apps/order.wsgi, each in a thread of its own; they are held until go()."""

    def __init__(self, httpd, directory):
        self.httpd, self.directory = httpd, directory
        self.clients, self.answers, self.took = [], [], []

    def send(self, label, count=1, **options):
        """Sends count requests, whose answers come later."""
        for _ in range(count):
            client = threading.Thread(target=self._ask, args=(label, options), daemon=True)
            self.clients.append(client)
            client.start()

    def _ask(self, label, options):
        began = time.monotonic()
        answer = self.httpd.get(f'/{label}?{self.directory}', timeout=60, **options)
        self.took.append(time.monotonic() - began)
        self.answers.append((label, answer))

    def entered(self):
        order = self.directory / 'order'
        return order.read_text().split() if order.exists() else []

    def occupy(self, label='first', threads=1):
        """Takes all threads."""
        self.send(label, threads)
        wait_until(lambda: len(self.entered()) == threads, 30, 'all threads are busy')

    def of(self, label, status):
        return [answer for name, answer in self.answers if name == label and answer.status == status]

    def wait_for_refusals(self, label, count):
        wait_until(lambda: len(self.of(label, 503)) >= count, 30, f'{count} requests of {label} are refused')

    def httpd_children(self):
        """Of the parent, mod_cgid's daemon included."""
        return {process.pid for process in self.httpd.processes()
                if process.parent == self.httpd.pid and process.name == self.httpd.stage.httpd.name}

    def go(self):
        (self.directory / 'go').touch()
        for client in self.clients:
            client.join(60)


@pytest.fixture
def crowd(server, tmp_directory):
    crowds = []

    def start(options, more='', **of_server):
        httpd = server(f'WSGIDaemonProcess one {options}\n{more}'
                       'WSGIScriptAlias / ${APPS}/order.wsgi process-group=one application-group=%{GLOBAL}\n',
                       **of_server)
        crowds.append(Crowd(httpd, tmp_directory))
        return crowds[-1]

    yield start
    for one in crowds:
        one.go()


def test_as_many_wait_as_queue_size_says_and_the_rest_gets_503_at_once(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={SIZE}')
    clients.occupy()
    clients.send('more', SIZE + 5)
    clients.wait_for_refusals('more', 5)
    clients.go()
    assert len(clients.of('more', 200)) == SIZE
    assert [answer.header('Retry-After') for answer in clients.of('more', 503)] == ['1'] * 5
    error_log.expect('GH0300: .*one', times=5)


def test_a_queue_of_one_is_possible(crowd, error_log):
    clients = crowd('threads=1 queue-size=1')
    clients.occupy()
    clients.send('more', 10)
    clients.wait_for_refusals('more', 7)  # two children may see the same free place
    clients.go()
    assert clients.of('more', 200)
    error_log.expect('GH0300: ')


def test_connect_timeout_lets_requests_wait_for_room_in_a_queue_with_a_size(crowd):
    clients = crowd(f'threads=1 queue-size={SIZE} connect-timeout=60')
    clients.occupy()
    clients.send('more', SIZE + 5)
    clients.go()
    assert len(clients.of('more', 200)) == SIZE + 5


def test_nobody_waits_longer_than_queue_timeout(crowd, error_log):
    clients = crowd('threads=5 queue-timeout=1')
    clients.occupy(threads=5)
    clients.send('more', 100)
    clients.wait_for_refusals('more', 100)
    assert clients.entered() == ['first'] * 5
    assert min(clients.took) >= 1
    assert all(answer.header('Retry-After') for _, answer in clients.answers)
    clients.go()
    error_log.expect('GH0301: ', times=100)


def test_a_request_whose_client_has_gone_is_not_started(crowd, error_log):
    clients = crowd('threads=1')
    clients.occupy()
    with clients.httpd.connect() as connection:
        connection.send(format_request('GET', f'/gone?{clients.directory}'))
    error_log.wait_for('GH0311: .*one')
    clients.send('last')
    clients.go()
    assert clients.entered() == ['first', 'last']


@pytest.fixture
def loading(crowd, stage, tmp_directory):
    """A crowd whose requests to /late find a script that is being loaded until file `load` appears."""
    script = tmp_directory / 'late.wsgi'
    script.write_text('import os, pathlib, time\n'
                      f'while not os.path.exists({str(tmp_directory / "load")!r}):\n'
                      '    time.sleep(0.01)\n'
                      f'exec(pathlib.Path({str(stage.apps / "order.wsgi")!r}).read_text())\n')
    return lambda options: crowd(options, f'WSGIScriptAlias /late {script} process-group=one application-group=%{{GLOBAL}}\n')


def entered_after_loading(clients):
    """Loads, and says what the one thread has run up to a further request."""
    (clients.directory / 'load').touch()
    clients.go()
    wait_until(lambda: clients.httpd.get(f'/late/last?{clients.directory}').status == 200, 30, 'the script is loaded')
    return clients.entered()


def test_a_request_whose_client_goes_while_its_script_is_loaded_is_not_started(loading, error_log):
    clients = loading('threads=1 preload=off')
    with clients.httpd.connect() as connection:
        connection.send(format_request('GET', f'/late/gone?{clients.directory}'))
        error_log.wait_for('GH0607: .*late')
    error_log.wait_for('GH0311: .*one')
    assert entered_after_loading(clients) == ['last']


@pytest.mark.parametrize('seconds', [1, 0.001])
def test_a_request_whose_script_is_loaded_for_longer_than_queue_timeout_is_not_started(loading, error_log, seconds):
    clients = loading(f'threads=1 preload=off queue-timeout={seconds}')
    answer = clients.httpd.get(f'/late/refused?{clients.directory}')
    assert answer.status == 503 and answer.header('Retry-After')
    assert entered_after_loading(clients) == ['last']
    error_log.expect('GH0301: ')


def test_a_stream_that_was_reset_is_not_started(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={SIZE}', 'Protocols h2c http/1.1\n', modules=('http2',))
    clients.occupy()
    connection = Http2Connection(clients.httpd.port)
    stream = connection.start('GET', f'/gone?{clients.directory}')
    clients.send('more', SIZE)
    clients.wait_for_refusals('more', 1)  # so all others are in the queue
    connection.reset(stream)
    error_log.wait_for('GH0311: .*one')
    clients.go()
    connection.close()
    assert clients.entered() == ['first'] + ['more'] * (SIZE - 1)
    error_log.expect('GH0300: ', times=1)


def from_client(address):
    return {'headers': [('X-Forwarded-For', address)]}


def test_with_queue_fairness_one_client_leaves_room_for_others(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={2 * SIZE} queue-fairness=client',
                    'WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1\n')
    clients.occupy()
    clients.send('greedy', 2 * SIZE, **from_client('192.0.2.1'))
    clients.wait_for_refusals('greedy', SIZE - 5)  # half of the queue is its share; some may come at the same time
    clients.send('modest', **from_client('192.0.2.2'))
    clients.go()
    assert len(clients.of('modest', 200)) == 1
    assert len(clients.of('greedy', 200)) >= SIZE
    assert all(answer.header('Retry-After') for answer in clients.of('greedy', 503))
    error_log.expect('GH0310: .*client')


def test_a_share_is_free_again_when_its_requests_have_their_threads(crowd, error_log):
    clients = crowd(f'threads=20 queue-size={2 * SIZE} queue-fairness=client')
    for _ in range(2):
        clients.send('quick', SIZE)
        wait_until(lambda: len(clients.entered()) == len(clients.clients), 30, 'all have a thread')
    clients.go()
    assert len(clients.of('quick', 200)) == 2 * SIZE


def test_with_queue_fairness_one_virtual_host_leaves_room_for_others(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={2 * SIZE} queue-fairness=vhost',
                    '<VirtualHost *>\nServerName greedy.example\n</VirtualHost>\n'
                    '<VirtualHost *>\nServerName modest.example\n</VirtualHost>\n')
    clients.occupy()
    clients.send('greedy', 2 * SIZE, host='greedy.example')
    clients.wait_for_refusals('greedy', SIZE - 5)
    clients.send('modest', host='modest.example')
    clients.go()
    assert len(clients.of('modest', 200)) == 1
    error_log.expect('GH0310: .*vhost')


def test_the_share_of_a_killed_child_is_given_back(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={2 * SIZE} queue-fairness=client')
    lost = [clients.httpd.connect() for _ in range(2 * SIZE)]
    for number, connection in enumerate(lost):
        connection.send(format_request('GET', f'/lost?{clients.directory}'))
        if number == 0:
            wait_until(clients.entered, 30, 'the thread is busy')
    error_log.wait_for('GH0310: ')
    children = clients.httpd_children()
    for child in children:
        os.kill(child, signal.SIGKILL)
    wait_until(lambda: clients.httpd_children() - children, 30, 'httpd has new children')
    clients.send('again', 4)  # far from a share, if nothing of the old ones counts
    wait_until(lambda: not children & clients.httpd_children(), 30, 'the old children have gone')
    clients.go()
    for connection in lost:
        connection.close()
    assert len(clients.of('again', 200)) == 4
    assert clients.entered() == ['lost'] + ['again'] * 4  # nor is anything started that nobody waits for
    error_log.allow('AH01239: ')  # httpd starts mod_cgid's daemon again, too


def test_requests_of_high_priority_go_first_and_have_room_of_their_own(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={SIZE}', '<Location /high>\nWSGIQueuePriority high\n</Location>\n')
    clients.occupy()
    for label in ('low', 'high'):  # a refusal shows that SIZE of them are in the queue
        clients.send(label, SIZE + 1)
        clients.wait_for_refusals(label, 1)
    clients.go()
    assert clients.entered() == ['first'] + ['high'] * SIZE + ['low'] * SIZE
    error_log.expect('GH0300: ', times=2)


def test_normal_takes_high_priority_back_in_a_section_of_its_own(crowd, error_log):
    clients = crowd(f'threads=1 queue-size={SIZE}', 'WSGIQueuePriority high\n'
                    '<Location /low>\nWSGIQueuePriority normal\n</Location>\n')
    clients.occupy()
    for label in ('low', 'high'):
        clients.send(label, SIZE + 1)
        clients.wait_for_refusals(label, 1)
    clients.go()
    assert clients.entered() == ['first'] + ['high'] * SIZE + ['low'] * SIZE
    error_log.expect('GH0300: ', times=2)

# SPDX-License-Identifier: Apache-2.0
"""The pure parts of scripts/bench: what is read, and what is drawn from it."""

import json
import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from stage import CHECKOUT

sys.path.insert(0, str(CHECKOUT / 'scripts'))
from bench_lib import bars, charts, figures, lines, machine, svg, tables  # noqa: E402
from bench_lib.targets import TARGETS  # noqa: E402
sys.path.pop(0)

LETTER = 6.2   # pixels, of one letter of small type on average

STAMP = {'date': '2026-11-26T21:00:00+00:00', 'commit': 'abc1234', 'elsewhere': {'median': 0.02, 'most': 0.3},
         'machine': {'cpus': 2, 'cpu': 'a <fast> one', 'kernel': '6.1', 'machine': 'x86_64',
                     'congestion_control': 'cubic'},
         'settings': {'rounds': 3, 'seconds': 2, 'connections': 32}, 'absent': {'passenger': 'not installed'},
         'notes': []}
CPU = {'floor': 40.0, 'daemon': 90.0, 'mod_wsgi-daemon': 220.0, 'granian': 30.0}


def row(target, **more):
    return {'job': 'hello', 'target': target, 'state': 'ok', 'ratio': CPU[target] / 40, 'cpu_us': CPU[target],
            'rate': 1e6 / CPU[target], 'p99_ms': 5.0, 'pss_mb': 20.0, **more}


DOCUMENTS = {
    'jobs': {**STAMP, 'jobs': {'hello': 'Hello, world!'}, 'rows': [row(name) for name in CPU],
             'targets': {name: {'what': name, 'context': name == 'granian'} for name in CPU}},
    'syscalls': {**STAMP, 'requests': 1000, 'jobs': {'hello': 'Hello, world!'},
                 'rows': [{'job': 'hello', 'target': 'daemon', 'state': 'ok', 'total': 28.94, 'processes': []}]},
    'scaling': {**STAMP, 'series': [{'axis': 'connections', 'job': 'hello', 'what': '', 'points':
                                     [row('daemon', at=at) for at in (1, 8)] + [row('mod_wsgi-daemon', at=1),
                                      row('mod_wsgi-daemon', at=8, state='FAILED: 1 requests')]}]},
    'latency': {**STAMP, 'pieces': 50, 'touches': 7, 'rows': [
        {'target': 'daemon', 'state': 'ok', 'piece_ms': [0.12, 0.4], 'touch_ms': [25.0, 31.5]},
        {'target': 'uwsgi', 'state': 'ok', 'piece_ms': [0.5, 1.25], 'touch_ms': None},
        {'target': 'mod_wsgi-daemon', 'state': 'FAILED: no', 'piece_ms': None, 'touch_ms': None}]},
    'memory': {**STAMP, 'django': '5.2', 'processes': 8, 'threads': 5, 'requests': 50, 'rows': [
        {'target': 'preload-on', 'state': 'ok', 'private_mb': 9.9, 'pss_mb': 13.1, 'server_pss_mb': 127.7}]},
}


def document(kind):
    return {'kind': kind, **DOCUMENTS[kind]}


@pytest.mark.parametrize('kind', sorted(charts.DRAW))
def test_a_chart_is_well_formed_and_stays_on_its_page(kind):
    root = ElementTree.fromstring(charts.draw(document(kind)))
    width, height = float(root.get('width')), float(root.get('height'))
    texts = root.findall('.//{*}text')
    assert any(text.text in ('daemon', 'preload-on') for text in texts)
    for element in texts + root.findall('.//{*}rect[@x]'):
        if element.get('text-anchor') != 'end':
            right = float(element.get('x')) + float(element.get('width') or LETTER * len(element.text))
            assert 0 <= right <= width, element.text
        assert 0 <= float(element.get('y')) <= height


def test_bars_are_as_long_as_their_values():
    root = ElementTree.fromstring(bars.draw('title', 'subtitle', [bars.Panel('panel', [
        bars.Bar('one', 1.0), bars.Bar('two', 2.0), bars.Bar('three', 3.0)])]))
    one, two, three = [float(bar.get('width')) for bar in root.findall('.//{*}rect[@x]')]
    assert two == pytest.approx(2 * one, abs=0.2) and three == pytest.approx(3 * one, abs=0.2)


def test_one_bar_far_beyond_all_others_is_cut_off():
    assert bars.edge([1.0, 2.0, 700.0]) == 2.5
    assert bars.edge([1.0, 2.0, 5.0]) == 5.0


@pytest.mark.parametrize('most', [0.07, 1.0, 3.1, 99.9, 100.0, 31234.0])
def test_ticks_reach_the_largest_value_in_a_few_round_steps(most):
    found = lines.ticks(most)
    assert 3 <= len(found) <= 7 and found[0] == 0 and found[-2] < most <= found[-1] * (1 + 1e-9)


def test_names_of_lines_that_end_together_do_not_overlap():
    found = lines.spread([50.0, 100.0, 100.0, 101.0, 199.0, 200.0], 0.0, 200.0)
    assert found[0] == 50.0 and max(found) <= 200.0
    assert all(after - before >= lines.SPACING for before, after in zip(found, found[1:]))


def test_what_failed_has_no_point_in_a_line():
    root = ElementTree.fromstring(charts.draw(document('scaling')))
    assert len(root.findall('.//{*}circle')) == 2 * 3   # two plots; three of four points are good


def test_memory_is_read_from_a_rollup():
    text = ('55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:   900 kB\nPss:   70 kB\nPss_Dirty:  9 kB\n'
            'Shared_Clean:  5 kB\nPrivate_Clean:  8 kB\nPrivate_Dirty:  40 kB\n')
    assert machine.parse_rollup(text) == machine.Memory(private=48 * 1024, pss=70 * 1024)


BURN = 'import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()'


def test_an_account_knows_what_its_processes_use_by_either_clock():
    account = machine.Account('test')
    child = subprocess.Popen([*account.prefix, sys.executable, '-c', BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             start_new_session=True)
    account.roots.append(child.pid)
    try:
        child.stdout.readline()
        assert account.pids() == [child.pid]
        for seconds in (account.cpu_seconds(), account.scheduled_seconds()):
            assert 0.45 < seconds < 1.0
    finally:
        child.communicate(b'\n')
        account.close()


OWN_NETWORK = """
import os, socket, subprocess
from bench_lib import machine, network
before = os.readlink('/proc/self/ns/net')
network.enter('reno')
with socket.create_server(('127.0.0.1', 0)) as server, socket.create_connection(server.getsockname()):
    print(machine.congestion_control(), os.readlink('/proc/self/ns/net') != before)
print(subprocess.check_output(network.outside(['readlink', '/proc/self/ns/net']), text=True).strip() == before)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gets a network namespace')
def test_a_network_of_its_own_has_the_congestion_control_and_a_way_out():
    done = subprocess.run([sys.executable, '-c', OWN_NETWORK], cwd=CHECKOUT / 'scripts', capture_output=True, text=True)
    if 'no network of its own' in done.stderr:
        pytest.skip('this container may not make one')
    assert (done.stdout, done.stderr) == ('reno True\nTrue\n', '')


@pytest.mark.parametrize('value, shown', [(2.345, '2.35'), (41.04, '41.0'), (650.4, '650'), (20123.0, '20k')])
def test_numbers_have_as_many_digits_as_they_deserve(value, shown):
    assert svg.number(value) == shown


def test_a_table_is_written_for_a_page_and_for_a_terminal():
    table = [['', 'hello'], ['a|b', '1.00']]
    assert tables.markdown(table) == '|  | hello |\n| --- | ---: |\n| a\\|b | 1.00 |'
    assert tables.aligned(table) == '       hello\n  a|b   1.00'


def test_the_page_says_where_figures_come_from_and_how_busy_others_were(tmp_path):
    figures.write(tmp_path, [document(kind) for kind in figures.SECTIONS])
    page = (tmp_path / 'figures.md').read_text()
    for part in ('commit abc1234', '2 CPUs (a <fast> one)', 'Others used 2% of the machine', '30% at most',
                 'passenger: absent, not installed', '| daemon | 2.25 |', '| daemon | 28.9 |', '| preload-on | 9.9 |'):
        assert part in page, part
    assert page.index('| daemon |') < page.index('| granian (context) |')
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        'figures.json', 'figures.md', 'jobs.svg', 'latency.svg', 'memory.svg', 'scaling.svg', 'syscalls.svg']
    assert [kind['kind'] for kind in json.loads((tmp_path / 'figures.json').read_text())] == list(figures.SECTIONS)


def test_targets_have_names_of_their_own_and_those_in_httpd_come_first():
    names = [target.name for target in TARGETS]
    assert len(names) == len(set(names))
    assert [target.context for target in TARGETS] == sorted(target.context for target in TARGETS)

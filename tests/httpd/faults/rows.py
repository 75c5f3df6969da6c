# SPDX-License-Identifier: Apache-2.0
"""The faults, one row each: what is injected, the figure to reach, the tests that show it (file and function, as in
effects.py; `faults.` is this directory), and the size of the load in the short and in the long form.

Short: on any machine, also a busy one; part of scripts/test. Long: the figures of docs/reliability.md.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace


@dataclass(frozen=True)
class Form:
    """What the forms differ in for all rows."""
    steady: float  # seconds for which steady state is measured
    calm: float  # seconds between a fault's end and the measurement after it
    noise: float  # seconds by which a percentile may exceed its steady state in any case
    widening: float  # of factors on percentiles
    channels: int  # kept sockets that are not waited for

    def wide(self, factor):
        return factor * self.widening


SHORT = Form(steady=0.7, calm=0.5, noise=1.0, widening=4, channels=256)
LONG = Form(steady=5, calm=2, noise=0.01, widening=1, channels=0)


@dataclass(frozen=True)
class Row:
    fault: str
    figure: str
    tests: tuple
    short: dict = field(default_factory=dict)
    long: dict = field(default_factory=dict)


ROWS = {
    'F1': Row('kill -9 of random workers, two a second',
              'only requests inside the killed worker fail; never without a worker for more than 1 s',
              ('faults.deaths.test_a_killed_worker_takes_along_only_what_is_inside_of_it',),
              {'kills': 4, 'respawn': 5, 'outage': 5}, {'kills': 100, 'respawn': 0.15, 'outage': 1.2}),
    'F2': Row('kill -9 in the middle of a response, over HTTP/1.1 chunked and with a length, over HTTP/2',
              'every client sees that it is incomplete, within 1 s',
              ('faults.deaths.test_a_response_cut_by_a_death_never_looks_whole',),
              {'deaths': 3, 'within': 5}, {'deaths': 34, 'within': 1}),
    'F3': Row('kill -9 of random workers while the script is touched twice a second',
              'as F1; one generation within 5 s of the end',
              ('faults.deaths.test_deaths_in_a_storm_of_deploys_end_in_one_generation',),
              {'seconds': 4, 'within': 20}, {'seconds': 60, 'within': 5}),
    'F4': Row('kill -9 of httpd, and of the supervisor',
              'everything is gone within 5 s, and the first start succeeds; only requests inside of the group fail',
              ('faults.deaths.test_nothing_outlives_an_httpd_that_is_killed',
               'faults.deaths.test_a_killed_supervisor_takes_along_only_what_is_inside_of_its_group'),
              {'kills': 2, 'within': 15}, {'kills': 20, 'within': 5}),
    'F5': Row('SIGSTOP of a worker, for a while and for ever',
              'requests that begin 1 s later avoid it; none hangs for ever; it is replaced at deadlock-timeout, within 1 s',
              ('faults.deaths.test_a_stopped_worker_is_routed_round',
               'faults.deaths.test_requests_in_a_worker_that_stays_stopped_end_at_socket_timeout',
               'faults.deaths.test_a_worker_that_stays_stopped_is_replaced_at_deadlock_timeout'),
              {'seconds': 2, 'wait': 5, 'late': 6}, {'seconds': 10, 'wait': 1, 'late': 1}),
    'F6': Row('no free descriptor in a worker, an httpd child, a supervisor',
              '200 or 503, nothing spins, nothing dies, all as before within 2 s',
              ('faults.shortages.test_a_worker_without_free_descriptors_gives_requests_back_and_does_not_spin',
               'faults.shortages.test_an_httpd_child_without_free_descriptors_answers_503',
               'faults.shortages.test_a_supervisor_without_free_descriptors_forks_again_when_it_has_some'),
              {'clients': 60, 'connections': 30, 'seconds': 2, 'share': 90},
              {'clients': 200, 'connections': 60, 'seconds': 10, 'share': 50}),
    'F7': Row('no memory: a control group of 256 MB, RLIMIT_AS',
              'the group falls alone, the other fails nothing; MemoryError is a 500',
              ('faults.shortages.test_a_group_that_runs_out_of_memory_leaves_the_other_alone',
               'faults.shortages.test_an_application_beyond_its_memory_limit_gets_a_memory_error'),
              {'times': 2}, {'times': 20}),
    'F8': Row('no space for the error log', 'no request fails, the log goes on when there is space',
              ('faults.shortages.test_a_full_disk_for_the_log_fails_no_request',),
              {'lines': 100}, {'lines': 10_000}),
    'F9': Row('heads and bodies that come a byte a second', 'p99 of others at most twice steady state',
              ('faults.clients.test_clients_that_send_slowly_hold_nobody_up',),
              {'clients': 60, 'seconds': 3}, {'clients': 200, 'seconds': 20}),
    'F10': Row('answers of 26 MB that are read with 1 KB a second',
               'p99 of others at most twice steady state; no process keeps them in memory',
               ('faults.clients.test_clients_that_read_slowly_hold_nobody_up',),
               {'clients': 40, 'bytes': 26_000_000, 'seconds': 4, 'memory': 200},
               {'clients': 40, 'bytes': 26_000_000, 'seconds': 30, 'memory': 200}),
    'F11': Row('clients that leave at nine stages of a request', 'each result is closed, within 1 s of the last',
               ('faults.clients.test_a_client_that_leaves_at_any_stage_leaves_nothing_behind',),
               {'each': 10, 'within': 10}, {'each': 1000, 'within': 1}),
    'F13': Row('headers of every size up to 16 MB, both ways, and 9,000 of them',
               'whole, or refused by name; bounded memory',
               ('header_sizes.test_a_request_header_of_any_size_arrives_whole_or_is_refused_by_name',
                'header_sizes.test_a_response_header_of_any_size_arrives_whole_or_is_a_500',
                'header_sizes.test_many_response_headers_arrive_in_order',
                'header_sizes.test_the_memory_that_a_head_takes_is_bounded')),
    'F14': Row('huge bodies both ways; bodies over LimitRequestBody',
               'no process grows by more than 16 MB; 413 for 12 of 12, and the worker lives',
               ('faults.clients.test_a_huge_body_takes_no_memory',
                'faults.clients.test_a_body_over_the_limit_is_413_and_costs_nothing'),
               {'bytes': 200_000_000}, {'bytes': 10_000_000_000}),
    'F15': Row('20 MB that the application does not read against an answer of 100 MB', 'done within 2 s',
               ('faults.clients.test_an_answer_need_not_wait_for_the_request_body',),
               {'times': 1, 'within': 20}, {'times': 5, 'within': 2}),
    'F17': Row('other users of the machine', 'nothing to connect to, no descriptor or memory of a daemon to be had',
               ('faults.surroundings.test_other_users_find_nothing_to_connect_to',)),
    'F19': Row('deployments by touching the script, two a second',
               'none lost; reload=rolling: no request over 250 ms',
               ('faults.deploys.test_deploys_lose_nothing',),
               {'touches': 6, 'longest': 5}, {'touches': 40, 'longest': 0.25}),
    'F20': Row('apachectl graceful, once a second',
               'none of 50,000 requests on fresh connections fails',
               ('faults.deploys.test_graceful_restarts_lose_nothing',),
               {'gracefuls': 5, 'requests': 500}, {'gracefuls': 100, 'requests': 50_000}),
    'F21': Row('deployments and restarts over long requests and streams', 'all are finished',
               ('faults.deploys.test_long_requests_and_streams_outlast_deploys_and_restarts',),
               {'durations': (1, 3), 'clients': 4, 'pace': 0.5}, {'durations': (8, 25), 'clients': 50, 'pace': 1}),
    'F22': Row('code that cannot be loaded', 'none fails; the repair serves within 1 s',
               ('faults.deploys.test_a_bad_deploy_fails_no_request',),
               {'kinds': ('exception', 'crash', 'no callable'), 'repair': 10},
               {'kinds': ('exception', 'missing module', 'sys.exit', 'syntax', 'os._exit', 'crash', 'hang',
                          'no callable'), 'repair': 1}),
    'F23': Row('a URL that crashes its worker, asked for in a loop',
               'processes=4 threads=1: no other request fails; 2 x 15: at least 80 % of them succeed',
               ('faults.deaths.test_a_url_that_crashes_leaves_others_alone',
                'faults.deaths.test_a_url_that_crashes_leaves_most_others_alone_that_share_its_process'),
               {'seconds': 3}, {'seconds': 30}),
    'F24': Row('a fork bomb in a control group of 200 processes',
               'another group fails nothing; all that was forked is gone 10 s after its worker',
               ('faults.shortages.test_a_fork_bomb_stays_in_its_group_and_is_cleared_away',),
               {'within': 30}, {'within': 10}),
    'F25': Row("a request that holds Python's lock for ever",
               'its process is replaced at deadlock-timeout + 1 s at the latest; others fail only inside of it',
               ('faults.deaths.test_a_deadlock_ends_its_process_and_what_is_inside_of_it',),
               {'late': 6}, {'late': 1}),
    'F26': Row('the wall clock jumps by an hour and by a day, both ways', 'no timeout, no restart, no failure',
               ('faults.surroundings.test_a_clock_that_jumps_ends_nothing',), {'pace': 0.3}, {'pace': 5}),
    'F27': Row('a flood of lines, one endless line, binary rubbish in wsgi.errors',
               'nothing is lost, no httpd child grows by more than 16 MB, others hardly notice',
               ('faults.shortages.test_a_flood_of_log_lines_is_bounded_and_complete',),
               {'bytes': 10_000_000}, {'bytes': 1_000_000_000}),
    'F28': Row('fourteen wrong permissions and missing paths',
               'each has its status and a line with its cause; no loop; the healthy group fails nothing',
               ('faults.surroundings.test_a_group_that_lacks_a_permission_says_so_and_leaves_others_alone',),
               {'seconds': 2}, {'seconds': 20}),
    'F29': Row('more clients than threads', 'nobody waits more than queue-timeout + 0.5 s; 503 with Retry-After',
               ('faults.shortages.test_nobody_waits_longer_than_queue_timeout',),
               {'threads': 3, 'clients': 60, 'seconds': 3, 'late': 5},
               {'threads': 5, 'clients': 200, 'seconds': 20, 'late': 0.5}),
    'F30': Row('stop, restart and graceful stop', 'no truncated answer looks whole; a graceful stop finishes what it holds',
               ('faults.deploys.test_a_stop_is_clean_under_load',),
               {'times': 1}, {'times': 20}),
    'F31': Row('the run directory is emptied; there is no socket file in it', 'no request fails, also over a restart',
               ('faults.surroundings.test_a_swept_run_directory_costs_nothing',)),
    'F33': Row('log rotation by renaming, and the death of a piped log',
               'no process keeps the old file; lines arrive again after a restart; no request fails',
               ('faults.deploys.test_rotated_logs_are_let_go',
                'faults.deploys.test_a_piped_log_that_dies_fails_no_request_and_a_restart_replaces_it'),
               {}, {}),
}


def size_of(name, is_long):
    return SimpleNamespace(**(ROWS[name].long if is_long else ROWS[name].short))

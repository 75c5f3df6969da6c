# SPDX-License-Identifier: Apache-2.0
"""Uses every name of the stubs, for mypy --strict; never run."""
import io
import logging
from typing import Any

import apache
import mod_wsgi

group: str = mod_wsgi.process_group + mod_wsgi.application_group
size: int = mod_wsgi.maximum_processes * mod_wsgi.threads_per_process + mod_wsgi.version[0]
server: str = apache.description + apache.build_date + apache.mpm_name
capacity: int = apache.maximum_processes * apache.threads_per_process + apache.version[2]


@mod_wsgi.subscribe_events
def on_event(name: str, **payload: Any) -> dict[str, Any] | None:
    return {'application_object': payload['application_object']} if name == 'request_started' else None


@mod_wsgi.subscribe_fork
def on_fork() -> None:
    pass


@mod_wsgi.subscribe_shutdown
def on_shutdown(name: str, **payload: Any) -> None:
    print(name, payload['shutdown_reason'])


mod_wsgi.subscribe_signals(on_shutdown)
assert on_event in mod_wsgi.event_callbacks
assert on_shutdown in mod_wsgi.shutdown_callbacks and on_shutdown in mod_wsgi.signal_callbacks

logging.getLogger().addHandler(mod_wsgi.LogHandler(logging.WARNING))
mod_wsgi.request_data()['user'] = 'somebody'
users: list[Any] = [data.get('user') for data in mod_wsgi.active_requests.values()]

mod_wsgi.start_recording_metrics()
for metrics in mod_wsgi.request_metrics(), mod_wsgi.process_metrics(), mod_wsgi.server_metrics():
    if metrics is not None:
        print(metrics['current_time'])

wrapper = mod_wsgi.FileWrapper(io.BytesIO(b'text'), blksize=1024)
try:
    print(b''.join(wrapper), next(wrapper), wrapper.blksize, wrapper.filelike.read(1))
except mod_wsgi.RequestTimeout:
    wrapper.close()

# Keeps the events of its process; "/last" shows those of the last request but this one, as JSON. At the end of the
# process and on signals, a line goes to the error log.
import json

import mod_wsgi

finished = []
current = {}


@mod_wsgi.subscribe_events
def keep(name, **payload):
    if name.startswith('process_'):
        print('told', name, sorted(payload.items()))
        return
    events = current.setdefault(payload['request_id'], [])
    events.append([name, {key: value for key, value in payload.items()
                          if isinstance(value, (int, float, str, list, dict)) and key != 'request_environ'}])
    if name == 'request_finished':
        finished.append(current.pop(payload['request_id']))


@mod_wsgi.subscribe_shutdown
def stopping(name, **payload):
    print('stopping:', payload['shutdown_reason'])


def application(environ, start_response):
    mod_wsgi.request_data()['path'] = environ['PATH_INFO']
    body = environ['wsgi.input'].read()
    if environ['PATH_INFO'] == '/fail':
        raise LookupError('as asked')
    answer = finished[-1] if environ['PATH_INFO'] == '/last' and finished else len(body)
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(answer).encode()]

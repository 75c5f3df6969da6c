# Records metrics from its first request on. PATH_INFO says which are shown, as JSON; "/nothing" shows none.
import json

import mod_wsgi

mod_wsgi.start_recording_metrics()


def application(environ, start_response):
    environ['wsgi.input'].read()
    show = {'/request': mod_wsgi.request_metrics, '/process': mod_wsgi.process_metrics,
            '/server': mod_wsgi.server_metrics}.get(environ['PATH_INFO'], dict)
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(show()).encode()]

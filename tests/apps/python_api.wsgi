# What modules mod_wsgi and apache tell, as JSON.
import json
import logging

import apache
import mod_wsgi

log = logging.getLogger('gatehouse')
log.propagate = False
log.setLevel(logging.DEBUG)
log.addHandler(mod_wsgi.LogHandler())


def application(environ, start_response):
    log.warning('a warning of %s', 'logging')
    log.info('some information\nin two lines')
    mod_wsgi.request_data()['here'] = True
    names = sorted(name for name in dir(mod_wsgi) if not name.startswith('_'))
    told = {'names': names, 'version': mod_wsgi.version, 'process_group': mod_wsgi.process_group,
            'application_group': mod_wsgi.application_group, 'maximum_processes': mod_wsgi.maximum_processes,
            'threads_per_process': mod_wsgi.threads_per_process,
            'active': mod_wsgi.active_requests[environ['mod_wsgi.request_id']],
            'metrics': mod_wsgi.request_metrics(), 'server_metrics': mod_wsgi.server_metrics(),
            'apache': {name: getattr(apache, name) for name in dir(apache) if not name.startswith('_')}}
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(told).encode()]

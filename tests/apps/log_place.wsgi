# SPDX-License-Identifier: Apache-2.0
# Logs from a place in this file, and from one in a file whose name would forge a line.
import logging

import mod_wsgi

log = logging.getLogger('gatehouse')
log.propagate = False
log.addHandler(mod_wsgi.LogHandler())
log.error('while importing')


def application(environ, start_response):
    log.error('first line\nsecond line')
    exec(compile('log.error("of a strange file")', '/srv/a\n[x] [wsgi:crit] forged.py', 'exec'))
    start_response('200 OK', [])
    return []

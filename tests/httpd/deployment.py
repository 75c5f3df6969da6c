# SPDX-License-Identifier: Apache-2.0
"""A site whose script tests deploy anew."""

import os
import time

SCRIPT = '''
import os
import time
VERSION = {version!r}
{extra}

def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{{VERSION}} {{os.getpid()}}'.encode()]
'''


# What is wrong with new code: a line for the script, and what the log says of it.
BAD = {
    'exception': ('raise ValueError("bad deploy")', 'ValueError: bad deploy'),
    'missing module': ('import there_is_no_such_module', "No module named 'there_is_no_such_module'"),
    'sys.exit': ('import sys; sys.exit("bad deploy")', 'SystemExit: bad deploy'),
    'syntax': ('def broken(:', 'SyntaxError'),
    'os._exit': ('os._exit(3)', 'exited with status 3'),
    'crash': ('os.abort()', 'signal 6'),
    'hang': ('time.sleep(60)', 'GH0433'),
    'no callable': ('callable_is_gone = True', "has no callable 'application'"),
}


class Site:
    """A server with one script that tests rewrite. The configuration names it {script}."""

    def __init__(self, server, config, mpm='event', directory=None, extra=''):
        """directory: version 1 is there before the server starts, so that groups load it ahead."""
        self.time = time.time() - 1000
        self.script = None
        if directory:
            self.script = directory / 'app.wsgi'
            self.write('1', extra)
        self.server = server(config.replace('{script}', str(self.script or '${ROOT}/app.wsgi')), mpm)
        self.script = self.script or self.server.root / 'app.wsgi'

    def write(self, version, extra=''):
        """Replaces the script by another version, as an editor does: a new file with a new time."""
        self.write_text(SCRIPT.format(version=version, extra=extra))

    def write_bad(self, kind):
        """Replaces the script by one that cannot be loaded; see BAD."""
        if kind == 'no callable':
            self.write_text(SCRIPT.format(version='bad', extra='').replace('def application', 'def another'))
        else:
            self.write_text(SCRIPT.format(version='bad', extra=BAD[kind][0]))

    def write_text(self, text):
        new = self.script.with_suffix('.new')
        new.write_text(text)
        self.time += 10
        os.utime(new, (self.time, self.time))
        new.rename(self.script)

    def get(self):
        response = self.server.get('/')
        assert response.status == 200, response
        version, pid = response.text.split()
        return version, int(pid)

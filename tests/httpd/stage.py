# SPDX-License-Identifier: Apache-2.0
"""What is tested, copied to a place that httpd's user can read and that a rebuild does not change.

GATEHOUSE_MODULE names the module file to load (default: build/mod_wsgi.so of this checkout); the daemon, the CGI
program and the engines are taken from beside it.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = Path(os.environ.get('GATEHOUSE_MODULE') or CHECKOUT / 'build' / 'mod_wsgi.so').resolve()
COMPANIONS = ('gatehoused', 'gatehouse-cgi', 'engine-*.so')


def apxs(name):
    return subprocess.run([os.environ.get('APXS', 'apxs'), '-q', name], capture_output=True, text=True,
                          check=True).stdout.strip()


class Stage:
    """A directory with build/ (the programs), apps/ (the applications) and servers/."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix='gatehouse-tests-', dir='/tmp'))
        self.build, self.apps, self.servers = (self.root / name for name in ('build', 'apps', 'servers'))
        self.httpd = Path(apxs('SBINDIR')) / apxs('progname')
        self.modules = Path(apxs('LIBEXECDIR'))
        for directory in (self.root, self.build, self.servers):
            directory.mkdir(exist_ok=True)
            directory.chmod(0o755)
        shutil.copy(MODULE, self.build / 'mod_wsgi.so')
        for pattern in COMPANIONS:
            for file in MODULE.parent.glob(pattern):
                shutil.copy(file, self.build)
        for file in self.build.iterdir():
            file.chmod(0o755)
        self.copy_apps(self.apps)

    def copy_apps(self, target):
        """Copies the applications; each script's first line lets the kernel run it through gatehouse-cgi."""
        shutil.copytree(CHECKOUT / 'tests' / 'apps', target, ignore=shutil.ignore_patterns('__pycache__'))
        for path in [target, *target.rglob('*')]:
            if path.suffix == '.wsgi':
                path.write_bytes(b'#!%s\n' % os.fsencode(self.build / 'gatehouse-cgi') + path.read_bytes())
            path.chmod(0o755 if path.is_dir() or path.suffix == '.wsgi' else 0o644)

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)

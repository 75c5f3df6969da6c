# SPDX-License-Identifier: Apache-2.0
"""Configurations as people write them (tests/configurations), made to work below one directory of the tests.

A file begins with comments that say what it is, and what to ask of it:

    #   ask METHOD URL [auth=USER:PASSWORD] [host=NAME] [port=N] [header=NAME:VALUE] [chunked] -> STATUS [file] [KEY=VALUE ...]
    #   files PATH ...            static files, or scripts that no directive names
    #   htaccess DIRECTORY LINE   a line of DIRECTORY/.htaccess
    #   notice CODE               a line that the start logs

KEY is one of tests/apps/report.wsgi; `file` means that httpd serves a static file. Absolute paths are put below the test's
directory, ports become free ones, accounts become www-data; nothing else of the text changes.
"""

import base64
import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from raw_http import chunked
from tls import make_certificate

NAMES = ('srv', 'var', 'usr', 'opt', 'home', 'etc', 'mnt', 'run')
ROOTS = f'/(?:{"|".join(NAMES)})/'
FILE = b'a static file\n'
SCRIPTS = re.compile(r'^\s*WSGI(?:ScriptAlias|ScriptAliasMatch|ImportScript|AuthUserScript)\s+(.*)$', re.MULTILINE)


@dataclass
class Question:
    method: str
    url: str
    options: list
    status: int
    wanted: dict = field(default_factory=dict)
    is_file: bool = False

    def headers(self):
        for option in self.options:
            name, _, value = option.partition('=')
            if name == 'auth':
                yield 'Authorization', 'Basic ' + base64.b64encode(value.encode()).decode()
            if name == 'header':
                yield tuple(value.split(':', 1))
        if 'chunked' in self.options:
            yield 'Transfer-Encoding', 'chunked'

    def option(self, name, otherwise=None):
        return next((option.split('=', 1)[1] for option in self.options if option.startswith(name + '=')), otherwise)

    @property
    def body(self):
        if 'chunked' in self.options:
            return chunked(b'some', b'body')
        return b'body' if self.method in ('POST', 'PUT') else b''


def question(line):
    request, _, answer = line.partition(' -> ')
    method, url, *options = shlex.split(request)
    status, *wanted = answer.split()
    return Question(method, url, options, int(status), dict(word.split('=', 1) for word in wanted if word != 'file'),
                    'file' in wanted)


class Configuration:
    """One file of tests/configurations."""

    def __init__(self, file):
        self.text = file.read_text()
        comments = re.findall(r'^#   (\w+) (.*)$', self.text, re.MULTILINE)
        self.notes = {kind: [rest for word, rest in comments if word == kind]
                      for kind in ('ask', 'files', 'htaccess', 'notice')}
        self.questions = [question(line) for line in self.notes['ask']]
        assert self.questions, f'{file}: nothing is asked of it'

    def uses(self, directive):
        return re.search(rf'^\s*{directive}\b', self.text, re.MULTILINE) is not None

    def ports(self):
        """The ports that it names, 80 left out: that is the server's own."""
        named = re.findall(r'(?:<VirtualHost \*:|Listen )(\d+)', self.text)
        return sorted({int(port) for port in named} - {80})

    def as_configured(self, root, ports):
        """The text for a server whose directory is root, with ports as given ({80: ..., 443: ...})."""
        text = re.sub(rf'(?<![\w.])(?={ROOTS})', str(root), self.text)
        text = re.sub(r'<VirtualHost \*:(\d+)>', lambda match: f'<VirtualHost *:{ports[int(match[1])]}>', text)
        text = re.sub(r'^Listen (\d+)', lambda match: f'Listen 127.0.0.1:{ports[int(match[1])]}', text, flags=re.MULTILINE)
        if os.geteuid() == 0:
            text = re.sub(r'(?<![-\w])(user|group)=(?!#)\S+', r'\1=www-data', text)
        else:
            text = re.sub(r'(?<![-\w])(user|group|supplementary-groups)=\S+', '', text)
        listens = ''.join(f'Listen 127.0.0.1:{ports[port]}\n' for port in ports if port == 443)
        return listens + text

    def prepare(self, root, report, venv):
        """Makes the files that it names below root: scripts are copies of report, environments links to venv."""
        for words in map(shlex.split, SCRIPTS.findall(self.text)):
            for word in words:
                if re.match(ROOTS, word) and not word.endswith('/') and '$' not in word:
                    write(root / word[1:], report.read_bytes())
        for path in re.findall(rf'^\s*Alias(?:Match)? \S+ "?({ROOTS}[^\s"]+\.py)"?\s*$|^Alias \S+ ({ROOTS}\S+/keystone\S*)$',
                               self.text, re.MULTILINE):
            write(root / ''.join(path)[1:], report.read_bytes())
        for path in ' '.join(self.notes['files']).split():
            write(root / path[1:], report.read_bytes() if path.endswith('.wsgi') else FILE)
        for line in self.notes['htaccess']:
            directory, text = line.split(' ', 1)
            with open(root / directory[1:] / '.htaccess', 'a') as file:
                file.write(text + '\n')
        self._make_directories(root, venv)
        self._make_accounts(root)
        self._make_certificates(root)
        self._make_static_files(root)
        for top in map(root.joinpath, NAMES):
            for path in [top, *top.rglob('*')] if top.exists() else []:
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() else 0o644)

    def _make_directories(self, root, venv):
        for path in re.findall(rf'(?:<Directory|DocumentRoot|home=|python-path=|WSGIPythonPath)\s*"?({ROOTS}[^\s">:]+)', self.text):
            (root / path[1:]).mkdir(parents=True, exist_ok=True)
        for path in re.findall(rf'(?:python-home=|WSGIPythonHome )({ROOTS}\S+)', self.text):
            link_environment(root / path[1:], venv)
        for path in re.findall(rf'ErrorLog ({ROOTS}\S+)', self.text):
            (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)

    def _make_accounts(self, root):
        for path in re.findall(rf'AuthUserFile "?({ROOTS}[^\s"]+)', self.text):
            write(root / path[1:], b'')
            subprocess.run(['htpasswd', '-bm', root / path[1:], 'ada', 'analytical'], check=True, capture_output=True)

    def _make_certificates(self, root):
        files = re.findall(rf'SSLCertificate(?:Key)?File ({ROOTS}\S+)', self.text)
        if not files:
            return
        certificate, key = (root / path[1:] for path in files)
        certificate.parent.mkdir(parents=True, exist_ok=True)
        make_certificate(key, certificate)

    def _make_static_files(self, root):
        """What a question for a file leads to, by the aliases of the text."""
        aliases = re.findall(rf'^\s*Alias(Match)? (\S+) "?({ROOTS}[^\s"]*)', self.text, re.MULTILINE)
        for asked in (question.url for question in self.questions if question.is_file):
            for is_match, source, target in aliases:
                found = re.match(source if is_match else re.escape(source), asked)
                if found:
                    rest = asked[found.end():]
                    path = re.sub(r'\$(\d)', lambda group, f=found: f[int(group[1])], target) if is_match else target + rest
                    write(root / path[1:], FILE)
                    break


def link_environment(place, venv):
    """Makes place the virtual environment; where something stands there already, its parts are linked into it."""
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(venv)
        return
    for part in Path(venv).iterdir():
        if not (place / part.name).exists():
            (place / part.name).symlink_to(part)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

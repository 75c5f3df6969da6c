# SPDX-License-Identifier: Apache-2.0
"""Scripts beside the application: written into a server's directory, and rewritten by tests."""

import base64
import os
import time

# Where such a script runs: lines for the main server, and the option of the script's directive.
PLACES = {
    'embedded': ('', ''),
    'daemon': ('WSGIDaemonProcess hooks processes=2 threads=5\nWSGIRestrictEmbedded On\n', 'process-group=hooks'),
}


def fresh(server, config, place, **options):
    """A server that has loaded no script yet: in daemons, older code would go on where new code cannot be loaded."""
    define, option = PLACES[place]
    return server(config.format(define=define, option=option, app=option), **options)


class SideScript:
    """A file of a server's directory; each version has a time of its own."""

    def __init__(self, server, name='side.py'):
        self.path = server.root / name
        self.time = time.time() - 1000

    def write(self, text):
        new = self.path.with_suffix('.new')
        new.write_bytes(text if isinstance(text, bytes) else text.encode())
        new.chmod(0o644)
        self.time += 10
        os.utime(new, (self.time, self.time))
        new.rename(self.path)
        return self

    def returns(self, function, expression):
        """The function returns an expression of its arguments a, which may be several."""
        return self.write(f'def {function}(environ, *a):\n    return {expression}\n')


def page(server, path, text='the page\n'):
    """A static file."""
    file = server.root / 'htdocs' / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    for made in (file, *file.parents):
        if made == server.root:
            break
        made.chmod(0o755 if made.is_dir() else 0o644)


def basic(user, password):
    """The header of Basic authentication; texts as latin-1, or bytes."""
    pair = b':'.join(text if isinstance(text, bytes) else text.encode('latin-1') for text in (user, password))
    return [('Authorization', 'Basic ' + base64.b64encode(pair).decode())]

# SPDX-License-Identifier: Apache-2.0
# Mercurial's hgweb: a repository to clone from and to push to.
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent / 'data' / 'repository'

if __name__ == '__main__':
    sys.exit(subprocess.run([Path(sys.executable).parent / 'hg', 'init', REPOSITORY]).returncode)

from mercurial import ui  # noqa: E402 - not for the set-up
from mercurial.hgweb import hgweb  # noqa: E402

options = ui.ui.load()
options.setconfig(b'web', b'allow-push', b'*')
options.setconfig(b'web', b'push_ssl', b'no')
application = hgweb(os.fsencode(REPOSITORY), baseui=options)

# SPDX-License-Identifier: Apache-2.0
# Trac: a wiki with history, an issue tracker beside it.
import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent / 'data' / 'project'
os.environ['TRAC_ENV'] = str(PROJECT)

if __name__ == '__main__':
    from trac.admin.console import run
    run([str(PROJECT), 'initenv', 'Tests', 'sqlite:db/trac.db'])
    run([str(PROJECT), 'permission', 'add', 'anonymous', 'WIKI_CREATE', 'WIKI_MODIFY', 'TICKET_CREATE'])
    sys.exit()

from trac.web.main import dispatch_request as application  # noqa: E402, F401 - not for the set-up

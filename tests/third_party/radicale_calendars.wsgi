# SPDX-License-Identifier: Apache-2.0
# Radicale: calendars by CalDAV; httpd has asked for the password.
from pathlib import Path

from radicale import Application
from radicale.config import load

DATA = Path(__file__).resolve().parent / 'data'
(DATA / 'collections' / 'collection-root').mkdir(parents=True, exist_ok=True)
configuration = load()
configuration.update({'storage': {'filesystem_folder': str(DATA / 'collections')},
                      'auth': {'type': 'remote_user'}, 'logging': {'level': 'warning'}}, 'tests')
application = Application(configuration)

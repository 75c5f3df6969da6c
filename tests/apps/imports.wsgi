# SPDX-License-Identifier: Apache-2.0
# Imports what is known to share state in C between interpreters, and uses it.
import datetime
import decimal
import json
import sqlite3
import ssl


def application(environ, start_response):
    day = datetime.date.fromisoformat('2026-11-26') + datetime.timedelta(days=1)
    text = json.dumps([str(day), str(decimal.Decimal('1.10') * 3)])
    number = sqlite3.connect(':memory:').execute('select 40 + 2').fetchone()[0]
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [f'{text} {number} {ssl.create_default_context().verify_mode.name}'.encode()]

# SPDX-License-Identifier: Apache-2.0
# What this Python says of where it is: the same as `python -c` with the same names.
import json
import site
import sys


def application(environ, start_response):
    facts = {
        'executable': sys.executable,
        'prefix': sys.prefix,
        'exec_prefix': sys.exec_prefix,
        'base_prefix': sys.base_prefix,
        'base_exec_prefix': sys.base_exec_prefix,
        'path': [entry for entry in sys.path if entry],
        'enable_user_site': site.ENABLE_USER_SITE,
        'site_packages': site.getsitepackages(),
        'version': list(sys.version_info[:3]),
    }
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(facts).encode()]

# SPDX-License-Identifier: Apache-2.0
# The LC_ALL of the environment and the locale that is set.
import locale
import os


def application(environ, start_response):
    answer = '%s %s' % (os.environ.get('LC_ALL'), locale.setlocale(locale.LC_ALL, None))
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [answer.encode()]

# SPDX-License-Identifier: Apache-2.0
import sys


def application(environ, start_response):
    sys.exit(3)

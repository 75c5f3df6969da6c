# SPDX-License-Identifier: Apache-2.0
def inner():
    raise ValueError('raised on purpose')


def application(environ, start_response):
    inner()

# SPDX-License-Identifier: Apache-2.0
import there_is_no_such_module


def application(environ, start_response):
    return there_is_no_such_module

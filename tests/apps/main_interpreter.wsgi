# SPDX-License-Identifier: Apache-2.0
# Whether this is the main interpreter, and the application group that was configured.
import ctypes


def application(environ, start_response):
    api = ctypes.pythonapi
    api.PyInterpreterState_Get.restype = api.PyInterpreterState_Main.restype = ctypes.c_void_p
    answer = '%s %s' % (api.PyInterpreterState_Get() == api.PyInterpreterState_Main(),
                        environ['mod_wsgi.application_group'])
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [answer.encode()]

# SPDX-License-Identifier: Apache-2.0
# CherryPy: objects as pages, Basic authentication of its own, gzip.
import cherrypy
from cherrypy.lib import auth_basic

cherrypy.config.update({'environment': 'embedded', 'log.screen': False})


class Root:
    @cherrypy.expose
    def add(self, a, b):
        return str(int(a) + int(b))

    @cherrypy.expose
    @cherrypy.tools.gzip()
    def long(self):
        return 'long ' * 10000

    @cherrypy.expose
    @cherrypy.tools.auth_basic(realm='tests', checkpassword=auth_basic.checkpassword_dict({'ada': 'analytical'}))
    def secret(self):
        return 'for ' + cherrypy.request.login


application = cherrypy.Application(Root(), script_name=None)

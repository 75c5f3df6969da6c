# SPDX-License-Identifier: Apache-2.0
# Bottle: typed routes, forms, templates, static files.
from pathlib import Path

from bottle import Bottle, request, static_file, template

application = Bottle()


@application.get('/square/<number:int>')
def square(number):
    return {'square': number * number}


@application.post('/greet')
def greet():
    return template('<p>{{name}}</p>', name=request.forms.getunicode('name'))


@application.get('/source')
def source():
    path = Path(__file__)
    return static_file(path.name, root=path.parent, mimetype='text/plain')

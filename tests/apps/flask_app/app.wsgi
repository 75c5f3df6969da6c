# SPDX-License-Identifier: Apache-2.0
# Flask: routes, forms, uploads, redirects, cookies, streams.
import sys

from flask import Flask, redirect, request, url_for

application = Flask(__name__)


@application.route('/')
def index():
    return 'flask on %d.%d' % sys.version_info[:2]


@application.route('/hello/<name>')
def hello(name):
    return f'Hello, {name}!'


@application.post('/form')
def form():
    return request.form['name'] + ' ' + request.form['other']


@application.post('/upload')
def upload():
    file = request.files['file']
    return f'{file.filename} {len(file.read())}'


@application.route('/redirect')
def redirects():
    return redirect(url_for('index'))


@application.route('/cookie')
def cookie():
    if request.cookies:
        return '; '.join(f'{name}={value}' for name, value in request.cookies.items())
    return 'set', {'Set-Cookie': 'taste=sweet; Path=/'}


@application.route('/stream')
def stream():
    return (f'{n}\n' for n in range(100)), {'Content-Type': 'text/plain'}


@application.route('/fails')
def fails():
    raise ValueError('failed on purpose')

# SPDX-License-Identifier: Apache-2.0
# Flask: uploads kept as files, sent back whole or in ranges, server-sent events.
import time
from pathlib import Path

from flask import Flask, Response, request, send_from_directory

DATA = Path(__file__).resolve().parent / 'data'
application = Flask(__name__)


@application.post('/files')
def upload():
    file = request.files['file']
    file.save(DATA / file.filename)
    return {'size': (DATA / file.filename).stat().st_size}, 201


@application.get('/files/<name>')
def download(name):
    return send_from_directory(DATA, name, conditional=True)


@application.get('/events')
def events():
    def stream():
        for number in range(3):
            yield f'data: {number}\n\n'
            time.sleep(0.2)
    return Response(stream(), mimetype='text/event-stream')

# SPDX-License-Identifier: Apache-2.0
"""A small Flask application: one page with a form, one that answers JSON, one that streams."""
import os
import sys
import time

from flask import Flask, Response, jsonify, render_template_string, request

application = Flask("flask_app")

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Flask on Gatehouse</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #202124 }
input, button { font: inherit; padding: .25rem .6rem }
</style>
</head>
<body>
<h1>{{ "Hello, " + name + "!" if name else "Flask on Gatehouse" }}</h1>
<form method="post"><label>Your name <input name="name" value="{{ name }}" required maxlength="80"></label>
<button>Greet me</button></form>
<p>Process group <b>{{ group or "embedded" }}</b>, Python {{ python }}, process {{ process }}.</p>
<p><a href="{{ url_for('about') }}">as JSON</a> · <a href="{{ url_for('ticks') }}">a streamed answer</a>
· <a href="/">all examples</a></p>
</body>
</html>
"""


def told():
    return {"group": request.environ.get("mod_wsgi.process_group", ""), "python": sys.version.split()[0],
            "process": os.getpid()}


@application.route("/", methods=["GET", "POST"])
def home():
    return render_template_string(PAGE, name=request.form.get("name", "")[:80], **told())


@application.route("/about")
def about():
    return jsonify(told())


@application.route("/ticks")
def ticks():
    def lines():
        for number in range(1, 6):
            yield f"{number} of 5 at {time.strftime('%H:%M:%S')}\n"
            time.sleep(0.5)
    return Response(lines(), mimetype="text/plain")

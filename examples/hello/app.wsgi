# SPDX-License-Identifier: Apache-2.0
"""Says where it runs: mode, Python, process, thread, time. HTML, or JSON with ?format=json."""
import html
import itertools
import json
import os
import platform
import sys
import threading
import time
from urllib.parse import parse_qs

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{mode} on Python {version}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color: #202124 }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid #dadce0; vertical-align: top }}
th {{ font-weight: normal; color: #5f6368; width: 12rem }}
td {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{mode} on Python {version}</h1>
<table>
{rows}
</table>
<p><a href="?format=json">the same as JSON</a> · <a href="/">all examples</a></p>
</body>
</html>
"""

_requests = itertools.count(1)


def mode_of(environ):
    """httpd gives a CGI program, and nothing else, GATEWAY_INTERFACE in its process environment."""
    if "GATEWAY_INTERFACE" in os.environ:
        return "CGI"
    return "daemon" if environ.get("mod_wsgi.process_group") else "embedded"


def facts(environ):
    return {
        "mode": mode_of(environ),
        "process group": environ.get("mod_wsgi.process_group", ""),
        "application group": environ.get("mod_wsgi.application_group", ""),
        "python": platform.python_version(),
        "prefix": sys.prefix,
        "process": os.getpid(),
        "thread": threading.current_thread().name,
        "user id": os.getuid(),
        "requests": next(_requests),
        "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


def as_html(told):
    rows = "\n".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
                     for name, value in told.items() if value != "")
    return PAGE.format(mode=told["mode"], version=told["python"], rows=rows)


def application(environ, start_response):
    told = facts(environ)
    if parse_qs(environ.get("QUERY_STRING", "")).get("format") == ["json"]:
        content_type, text = "application/json", json.dumps(told) + "\n"
    else:
        content_type, text = "text/html; charset=utf-8", as_html(told)
    body = text.encode("utf-8")
    start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body))),
                              ("Cache-Control", "no-store")])
    return [body]

# SPDX-License-Identifier: Apache-2.0
"""The benchmark's WSGI application: one file, the same for every Python server.

The path names the job. Bodies equal those of floor/mod_floor.c.
"""
import functools
import json
import os
import sys
import time

HELLO = b"Hello, world!\n"
PIECE = (HELLO * 10)[:128]
PAGE = (HELLO * 1500)[:20 * 1024]
BIG_BYTES = 10 * 1024 * 1024
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "file10m")
PAGE_HEADERS = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Length", str(len(PAGE))),
    ("Cache-Control", "private, max-age=0, must-revalidate"),
    ("ETag", '"5f2c1a9b7e3d"'),
    ("Last-Modified", "Mon, 06 Jan 2025 10:00:00 GMT"),
    ("Vary", "Accept-Encoding, Cookie"),
    ("Set-Cookie", "session=0123456789abcdef; Path=/; HttpOnly"),
    ("Set-Cookie", "csrf=fedcba9876543210; Path=/; SameSite=Lax"),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
]


def plain(start_response, body):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def hello(environ, start_response):
    return plain(start_response, HELLO)


def page20k(environ, start_response):
    start_response("200 OK", list(PAGE_HEADERS))
    return [PAGE]


def environ_json(environ, start_response):
    text = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = json.dumps(text).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def upload(environ, start_response):
    left = int(environ["CONTENT_LENGTH"])
    count = 0
    while left > 0:
        block = environ["wsgi.input"].read(min(left, 65536))
        if not block:
            break
        left -= len(block)
        count += len(block)
    return plain(start_response, b"%d\n" % count)


@functools.cache
def big_body():
    return (HELLO * (BIG_BYTES // len(HELLO) + 1))[:BIG_BYTES]


def memory10m(environ, start_response):
    return plain(start_response, big_body())


def file10m(environ, start_response):
    length = os.path.getsize(FILE)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
    file = open(FILE, "rb")
    if "wsgi.file_wrapper" in environ:
        return environ["wsgi.file_wrapper"](file, 65536)
    return iter(lambda: file.read(65536), b"")   # not every server offers one


def stream100(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(100):
        yield PIECE


def pieces(environ, start_response):
    """Each line says when it was yielded."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    for _ in range(50):
        time.sleep(0.010)
        yield b"stamp %d\r\n" % time.monotonic_ns()


LOADED = b"%d\n" % time.monotonic_ns()


def loaded(environ, start_response):
    return plain(start_response, LOADED)


def sleep20(environ, start_response):
    time.sleep(0.020)
    return plain(start_response, HELLO)


def cpu2(environ, start_response):
    end = time.thread_time() + 0.002
    while time.thread_time() < end:
        for _ in range(1000):
            pass
    return plain(start_response, HELLO)


def about(environ, start_response):
    return plain(start_response, json.dumps({"python": sys.version, "libraries": sys.base_prefix}).encode())


JOBS = {
    "/hello": hello, "/page20k": page20k, "/environ": environ_json, "/upload1k": upload, "/upload1m": upload,
    "/memory10m": memory10m, "/file10m": file10m, "/stream100": stream100, "/sleep20": sleep20, "/cpu2": cpu2,
    "/about": about, "/pieces": pieces, "/loaded": loaded,
}


def application(environ, start_response):
    return JOBS[environ["PATH_INFO"]](environ, start_response)

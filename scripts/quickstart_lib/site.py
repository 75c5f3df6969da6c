# SPDX-License-Identifier: Apache-2.0
"""What is served: httpd directives, and the links to tell. One function for an application, one for the examples."""
from __future__ import annotations

import os
import pathlib
import secrets
import shutil
from dataclasses import dataclass, field

from . import build
from .application import Application
from .problem import Problem
from .users import User

ADMIN = "admin"


@dataclass
class Site:
    directives: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)    # URL path, what is there
    notes: list[str] = field(default_factory=list)


def quoted(value: object) -> str:
    """A value in httpd's configuration."""
    text = str(value)
    if any(sign in text for sign in '"\\\n'):
        raise Problem(f"httpd cannot be given a path with quotation marks, backslashes or line ends: {text!r}")
    return f'"{text}"'


def _daemon(group: str, **options: object) -> str:
    words = [f"{name.replace('_', '-')}={value if isinstance(value, int) else quoted(value)}"
             for name, value in options.items()]
    return " ".join(["WSGIDaemonProcess", group, *words])


def _mount(url: str, script: pathlib.Path, group: str, callable_name: str = "application") -> str:
    extra = f" callable-object={callable_name}" if callable_name != "application" else ""
    return (f"WSGIScriptAlias {url} {quoted(script)} process-group={group or '%{GLOBAL}'} "
            f"application-group=%{{GLOBAL}}{extra}")


def serve(application: Application, user: User) -> Site:
    """One application on /, by a daemon process."""
    site = Site()
    options: dict[str, object] = {"processes": 1, "threads": 5, "home": application.folder,
                                  "python_path": application.folder}
    if application.venv:
        options["python_home"] = application.venv
        site.notes.append(f"Virtual environment: {application.venv}")
    site.directives = [_daemon("application", **options),
                       _mount("/", application.script, "application", application.callable_name)]
    name = f" (callable `{application.callable_name}`)" if application.callable_name != "application" else ""
    site.links.append(("/", f"{application.script}{name}, as user {user.name}"))
    return site


def _hello(site: Site, folder: pathlib.Path, library: pathlib.Path) -> list[str]:
    """The same file embedded, in a daemon on each Python, and as CGI. Returns "NAME=URL" for the index."""
    script = folder / "hello" / "app.wsgi"
    program = folder / "hello" / "app.cgi"
    program.write_text(f"#!{library / 'gatehouse-cgi'}\n{script.read_text()}")
    program.chmod(0o755)
    site.directives += [_mount("/embedded", script, ""), f"ScriptAlias /cgi {quoted(program)}"]
    site.links.append(("/embedded", "embedded in an httpd child"))
    told = ["embedded=/embedded"]
    for version in build.engines():
        group = f"hello-{version}"
        site.directives += [_daemon(group, python=version, processes=2, threads=5),
                            _mount(f"/daemon/{version}", script, group)]
        site.links.append((f"/daemon/{version}", f"daemon on Python {version}"))
        told.append(f"daemon-{version}=/daemon/{version}")
    site.links.append(("/cgi", "CGI"))
    return [*told, "cgi=/cgi"]


def _flask(site: Site, folder: pathlib.Path, venv: pathlib.Path) -> str:
    site.directives += [_daemon("flask", python_home=venv, processes=1, threads=5),
                        _mount("/flask", folder / "flask_app" / "app.wsgi", "flask")]
    site.links.append(("/flask/", "Flask"))
    return "flask=/flask/"


def _django(site: Site, folder: pathlib.Path, venv: pathlib.Path, user: User) -> str:
    """Sets up database, static files and an administrator with a password made up for this run."""
    project = folder / "django_site"
    data = project / "data"
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, user.name, user.group)
    password = secrets.token_urlsafe(9)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                   "DJANGO_SUPERUSER_PASSWORD": password}
    for command in (["migrate", "--verbosity=0"], ["collectstatic", "--noinput", "--verbosity=0"],
                    ["createsuperuser", "--noinput", f"--username={ADMIN}", f"--email={ADMIN}@localhost"]):
        done = user.run([str(venv / "bin" / "python"), str(project / "manage.py"), *command], cwd=project, env=environment)
        if done.returncode != 0:
            raise Problem(f"Django's {command[0]}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    site.directives += [_daemon("django", python_home=venv, python_path=project, processes=2, threads=5),
                        f"Alias /django/static {quoted(data / 'static')}",
                        _mount("/django", project / "notesite" / "wsgi.py", "django")]
    site.links += [("/django/", "Django: notes in SQLite"),
                   ("/django/admin/", f"Django's admin: user {ADMIN}, password {password}")]
    return "django=/django/"


def examples(run: pathlib.Path, library: pathlib.Path, user: User) -> Site:
    """All of examples/, from a copy in the run directory."""
    site = Site()
    folder = run / "examples"
    shutil.copytree(build.ROOT / "examples", folder,
                    ignore=shutil.ignore_patterns("data", "__pycache__", ".gitignore", "README.md"))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    site.links.append(("/", "index of the examples"))
    hello = _hello(site, folder, library)
    frameworks: list[str] = []
    try:
        venv = build.venv(build.newest())
        frameworks.append(_flask(site, folder, venv))
        frameworks.append(_django(site, folder, venv, user))
    except Problem as problem:
        site.notes.append(f"Some of the frameworks are left out: {problem}")
    site.directives += ["Redirect 204 /favicon.ico",
                        f"SetEnv examples.hello {quoted(' '.join(hello))}",
                        f"SetEnv examples.frameworks {quoted(' '.join(frameworks))}",
                        f"SetEnv examples.note {quoted(' '.join(site.notes).replace(chr(34), chr(39)))}",
                        _mount("/", folder / "index" / "app.wsgi", "")]
    return site

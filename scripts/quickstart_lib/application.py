# SPDX-License-Identifier: Apache-2.0
"""What the user means by FILE or DIR: the script, the folder it needs on sys.path, its callable, its environment."""
from __future__ import annotations

import ast
import os
import pathlib
import re
from dataclasses import dataclass

from .problem import Problem

SCRIPTS = ("app.wsgi", "wsgi.py", "application.py", "passenger_wsgi.py")
CALLABLES = ("application", "app")


@dataclass(frozen=True)
class Application:
    script: pathlib.Path
    folder: pathlib.Path          # its imports start here
    callable_name: str
    venv: pathlib.Path | None


def _django(folder: pathlib.Path) -> pathlib.Path | None:
    """The wsgi.py beside the settings that manage.py names."""
    manage = folder / "manage.py"
    if not manage.is_file():
        return None
    settings = re.search(r"DJANGO_SETTINGS_MODULE['\"]\s*,\s*['\"]([\w.]+)['\"]", manage.read_text(errors="replace"))
    packages = settings[1].split(".") if settings else []
    while packages:
        packages.pop()
        script = folder.joinpath(*packages, "wsgi.py")
        if packages and script.is_file():
            return script
    found = sorted(folder.glob("*/wsgi.py"))
    if len(found) == 1:
        return found[0]
    raise Problem(f"{manage} is a Django project, but its wsgi.py was not found; name that file instead of the folder")


def _script_in(folder: pathlib.Path) -> pathlib.Path:
    for name in SCRIPTS:
        if (folder / name).is_file():
            return folder / name
    script = _django(folder)
    if script is None:
        raise Problem(f"{folder} holds no application: none of {', '.join(SCRIPTS)} and no manage.py. "
                      "Name the file that defines `application`")
    return script


def _names(tree: ast.Module) -> set[str]:
    """What a module may define; "*" when a star import hides that."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name)
    return names


def _callable_in(script: pathlib.Path) -> str:
    try:
        names = _names(ast.parse(script.read_bytes()))
    except (SyntaxError, ValueError):   # the Python that serves it may be newer, or will say it better
        return CALLABLES[0]
    for name in CALLABLES:
        if name in names or (name == CALLABLES[0] and "*" in names):
            return name
    raise Problem(f"{script} defines no `application`: WSGI wants a callable of that name "
                  "(PEP 3333: application(environ, start_response))")


def _venv_for(folder: pathlib.Path) -> pathlib.Path | None:
    active = os.environ.get("VIRTUAL_ENV")
    for candidate in (folder / ".venv", folder / "venv", pathlib.Path(active) if active else None):
        if candidate is not None and (candidate / "pyvenv.cfg").is_file():
            return candidate
    return None


def find(argument: str) -> Application:
    """Raises Problem when there is no application."""
    path = pathlib.Path(argument).absolute()
    try:
        if path.is_dir():
            script, folder = _script_in(path), path
        elif path.is_file():
            script, folder = path, path.parent
        else:
            raise Problem(f"{argument} does not exist")
        return Application(script, folder, _callable_in(script), _venv_for(folder))
    except PermissionError as error:
        raise Problem(f"{error.filename} cannot be read: {error.strerror}") from error

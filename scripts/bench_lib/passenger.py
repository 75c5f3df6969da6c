# SPDX-License-Identifier: Apache-2.0
"""Passenger in httpd, as Debian packages it. Its open source edition runs Python without threads."""
from __future__ import annotations

import pathlib
import shutil
import subprocess

from . import peers
from .plan import Plan, Site

ROOT = pathlib.Path("/usr/lib/ruby/vendor_ruby/phusion_passenger/locations.ini")
LOADER = pathlib.Path("/usr/share/passenger/helper-scripts/wsgi-loader.py")


def _version(program: str) -> str:
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return (done.stdout.split() or [""])[-1]


def plan(site: Site) -> Plan:
    """As many processes as the layout says, of one thread each: fewer requests at once than its peers' threads."""
    module = pathlib.Path(peers.apxs_query("libexecdir")) / "mod_passenger.so"
    ruby = shutil.which("ruby")
    if not (module.exists() and ROOT.exists() and LOADER.exists() and ruby):
        raise peers.Absent("Debian's libapache2-mod-passenger is missing: run scripts/install-packages bench")
    startup = site.application.parent / "passenger_wsgi.py"
    startup.write_text(site.application.read_text())
    processes = site.layout.processes
    directives = [
        f"LoadModule passenger_module {module}", f"PassengerRoot {ROOT}", f"PassengerDefaultRuby {ruby}",
        f"PassengerInstanceRegistryDir {site.run}", f"PassengerLogFile {site.run}/error.log", "PassengerLogLevel 2",
        "PassengerDisableSecurityUpdateCheck On", "PassengerDisableAnonymousTelemetry On",
        f"PassengerMaxPoolSize {processes}", f"PassengerMinInstances {processes}", "PassengerPoolIdleTime 0",
        "PassengerMaxRequestQueueSize 0",
        "PassengerEnabled On", f"PassengerAppRoot {site.application.parent}", "PassengerAppType wsgi",
        f"PassengerStartupFile {startup.name}", f"PassengerPython {peers.PYTHON}"]
    directives += [f"PassengerUser {site.user}", f"PassengerGroup {site.group}"] if site.user else []
    return Plan(directives, version=_version(shutil.which("passenger") or "passenger"))

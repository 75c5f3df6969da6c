# SPDX-License-Identifier: Apache-2.0
import os
import sys

import django
from django.shortcuts import render

from .models import Note


def index(request):
    """The newest notes; they are written in the admin."""
    return render(request, "notes/index.html", {
        "notes": Note.objects.all()[:50],
        "group": request.META.get("mod_wsgi.process_group") or "embedded",
        "python": sys.version.split()[0],
        "django": django.get_version(),
        "process": os.getpid(),
    })

# SPDX-License-Identifier: Apache-2.0
"""The WSGI callable. The project's folder must be on the path: python-path= or home= of the process group."""
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notesite.settings")
application = get_wsgi_application()

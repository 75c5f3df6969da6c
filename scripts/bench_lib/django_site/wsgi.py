# SPDX-License-Identifier: Apache-2.0
"""The application of scripts/bench --memory."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()
import urls  # noqa: E402,F401  a request would load it otherwise

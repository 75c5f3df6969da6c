# SPDX-License-Identifier: Apache-2.0
"""Settings. All that the site writes is below data/, which its user must be able to write."""
import os
import pathlib
import secrets

BASE_DIR = pathlib.Path(__file__).resolve().parent.parent
DATA = BASE_DIR / "data"


def secret_key():
    """Read from data/secret-key; made there the first time, for the owner only."""
    path = DATA / "secret-key"
    DATA.mkdir(exist_ok=True)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")


SECRET_KEY = secret_key()
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "notes",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
ROOT_URLCONF = "notesite.urls"
WSGI_APPLICATION = "notesite.wsgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATA / "notes.sqlite3"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Relative: Django puts the mount point of the site before it. httpd serves the files by an Alias.
STATIC_URL = "static/"
STATIC_ROOT = DATA / "static"

USE_TZ = True
TIME_ZONE = "UTC"

# Cookies of their own: browsers keep one jar for all ports and paths of a host.
SESSION_COOKIE_NAME = "notes_session"
CSRF_COOKIE_NAME = "notes_csrf"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"error_log": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["error_log"], "level": "WARNING"},
}

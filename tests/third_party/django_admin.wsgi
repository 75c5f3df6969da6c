# SPDX-License-Identifier: Apache-2.0
# Django's admin on SQLite: log-in, users and groups.
from pathlib import Path

import django
from django.conf import settings
from django.contrib import admin
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import path

DATA = Path(__file__).resolve().parent / 'data'
settings.configure(
    SECRET_KEY='a key for tests', ALLOWED_HOSTS=['*'], ROOT_URLCONF=__name__, USE_TZ=True, STATIC_URL='static/',
    DEFAULT_AUTO_FIELD='django.db.models.BigAutoField',
    DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': DATA / 'db.sqlite3'}},
    INSTALLED_APPS=['django.contrib.admin', 'django.contrib.auth', 'django.contrib.contenttypes',
                    'django.contrib.sessions', 'django.contrib.messages', 'django.contrib.staticfiles'],
    MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware', 'django.middleware.common.CommonMiddleware',
                'django.middleware.csrf.CsrfViewMiddleware', 'django.contrib.auth.middleware.AuthenticationMiddleware',
                'django.contrib.messages.middleware.MessageMiddleware'],
    TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True,
                'OPTIONS': {'context_processors': ['django.template.context_processors.request',
                                                   'django.contrib.auth.context_processors.auth',
                                                   'django.contrib.messages.context_processors.messages']}}])
django.setup()
urlpatterns = [path('admin/', admin.site.urls)]
application = get_wsgi_application()

if __name__ == '__main__':
    call_command('migrate', verbosity=0)
    from django.contrib.auth.models import User
    User.objects.create_superuser('admin', 'admin@example.org', 'a password')

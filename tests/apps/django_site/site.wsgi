# SPDX-License-Identifier: Apache-2.0
# Django in one file: routes, forms, uploads, redirects, cookies, streams.
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path, reverse


def index(request):
    return HttpResponse('django on %d.%d' % sys.version_info[:2])


def hello(request, name):
    return HttpResponse(f'Hello, {name}!')


def form(request):
    return HttpResponse(request.POST['name'] + ' ' + request.POST['other'])


def upload(request):
    file = request.FILES['file']
    return HttpResponse(f'{file.name} {len(file.read())}')


def redirects(request):
    return HttpResponseRedirect(reverse('index'))


def cookie(request):
    if request.COOKIES:
        return HttpResponse('; '.join(f'{name}={value}' for name, value in request.COOKIES.items()))
    response = HttpResponse('set')
    response.set_cookie('taste', 'sweet')
    return response


def stream(request):
    return StreamingHttpResponse((f'{n}\n' for n in range(100)), content_type='text/plain')


def fails(request):
    raise ValueError('failed on purpose')


class Routes:
    urlpatterns = [path('', index, name='index'), path('hello/<name>', hello), path('form', form),
                   path('upload', upload), path('redirect', redirects), path('cookie', cookie),
                   path('stream', stream), path('fails', fails)]


settings.configure(ROOT_URLCONF=Routes, ALLOWED_HOSTS=['*'], SECRET_KEY='for tests', DEBUG=False,
                   LOGGING_CONFIG=None)
application = get_wsgi_application()

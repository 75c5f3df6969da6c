# SPDX-License-Identifier: Apache-2.0
# Django REST framework: a resource with parsing, validation and content negotiation.
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.configure(
    SECRET_KEY='a key for tests', ALLOWED_HOSTS=['*'], ROOT_URLCONF=__name__,
    INSTALLED_APPS=['django.contrib.contenttypes', 'django.contrib.auth', 'rest_framework'],
    REST_FRAMEWORK={'UNAUTHENTICATED_USER': None, 'DEFAULT_AUTHENTICATION_CLASSES': []},
    TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True,
                'OPTIONS': {'context_processors': ['django.template.context_processors.request']}}])
django.setup()

from django.urls import path  # noqa: E402 - needs the settings
from rest_framework import serializers, status  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402


class Measurement(serializers.Serializer):
    name = serializers.CharField(max_length=10)
    value = serializers.IntegerField(min_value=0)


class Measurements(APIView):
    def get(self, request):
        return Response([{'name': 'heat', 'value': 7}])

    def post(self, request):
        measurement = Measurement(data=request.data)
        measurement.is_valid(raise_exception=True)
        return Response(measurement.data, status=status.HTTP_201_CREATED)


urlpatterns = [path('measurements/', Measurements.as_view())]
application = get_wsgi_application()

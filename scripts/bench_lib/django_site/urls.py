# SPDX-License-Identifier: Apache-2.0
"""Django's admin, and one page with a form and a table that says which process made it."""
import os
import time

from django import forms
from django.contrib import admin
from django.http import HttpResponse
from django.template import engines
from django.urls import path

ROWS = [{"number": number, "name": f"row {number}"} for number in range(100)]
PAGE = engines["django"].from_string("""<!doctype html><title>Rows</title>
<form method="post">{% csrf_token %}{{ form.as_p }}</form>
<table>{% for row in rows %}<tr><td>{{ row.number }}</td><td>{{ row.name|title }}</td></tr>{% endfor %}</table>
""")


class Search(forms.Form):
    text = forms.CharField(max_length=100)
    since = forms.DateField(required=False)
    kind = forms.ChoiceField(choices=[("a", "one kind"), ("b", "another")])


def page(request):
    time.sleep(0.005)    # so that requests overlap and all processes get some
    answer = HttpResponse(PAGE.render({"rows": ROWS, "form": Search()}, request))
    answer["X-Process"] = str(os.getpid())
    return answer


urlpatterns = [path("admin/", admin.site.urls), path("", page)]

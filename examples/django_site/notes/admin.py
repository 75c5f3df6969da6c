# SPDX-License-Identifier: Apache-2.0
from django.contrib import admin

from .models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ["title", "written"]
    search_fields = ["title", "text"]

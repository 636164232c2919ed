"""Runs for the operator of the console, to look at only: a run is changed on its own page, where it is audited."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from webapp.runs.models import Run


@admin.register(Run)
class RunAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not subscriptable while Django runs
    list_display = ("id", "name", "team", "owner", "kind", "status", "step", "total_steps", "created_at")
    list_filter = ("status", "kind", "team", "is_example")
    search_fields = ("id", "name", "owner__username")
    list_select_related = ("team", "owner")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Run | None = None) -> bool:
        return False

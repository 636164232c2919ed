"""Addresses of the episodes pages."""

from django.urls import URLPattern, URLResolver

app_name = "episodes"

urlpatterns: list[URLPattern | URLResolver] = []

"""Registers the films app with Django."""

from django.apps import AppConfig


class FilmsConfig(AppConfig):
    name = "webapp.films"
    label = "films"

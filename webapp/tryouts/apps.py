"""Registers the tryouts app with Django."""

from django.apps import AppConfig


class TryoutsConfig(AppConfig):
    name = "webapp.tryouts"
    label = "tryouts"

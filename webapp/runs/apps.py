"""Registers the runs app with Django."""

from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "webapp.runs"
    label = "runs"

    def ready(self) -> None:
        """Make ours the current Celery app, so that what the web enqueues goes to our broker."""
        from webapp.celery import app

        app.set_default()

"""The Celery app. Tasks live in `workers`; the web knows them by name only."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

app = Celery("arpo", include=["workers.tasks"])
app.config_from_object("django.conf:settings", namespace="CELERY")

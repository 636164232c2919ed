"""Registers the storage app with Django."""

from django.apps import AppConfig


class StorageConfig(AppConfig):
    name = "webapp.storage"
    label = "storage"

"""Addresses of the pages of task sets."""

from django.urls import path

from webapp.benchmarks.views import imports

app_name = "benchmarks"

urlpatterns = [
    path("task-sets/", imports.task_sets, name="list"),
    path("task-sets/import/", imports.start, name="start"),
    path("task-sets/<int:number>/", imports.one_import, name="import"),
    path("task-sets/<int:number>/state/", imports.state, name="state"),
]

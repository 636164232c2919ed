"""Addresses of the storage pages."""

from django.urls import path

from webapp.storage.views import page

app_name = "storage"

urlpatterns = [
    path("storage/", page.storage, name="page"),
    path("storage/plan/", page.plan, name="plan"),
    path("storage/rules/", page.change_rules, name="rules"),
    path("storage/delete/", page.delete, name="delete"),
    path("runs/<str:run_id>/pin/", page.pin, name="pin"),
]

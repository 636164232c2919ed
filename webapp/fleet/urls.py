"""Addresses of the fleet's pages."""

from django.urls import path

from webapp.fleet import views

app_name = "fleet"

urlpatterns = [
    path("machines/", views.machines, name="machines"),
    path("machines/tokens/create/", views.create, name="create_join_token"),
    path("machines/tokens/<int:token_id>/revoke/", views.revoke, name="revoke_join_token"),
]

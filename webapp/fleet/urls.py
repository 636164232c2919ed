"""Addresses of the fleet's pages."""

from django.urls import path

from webapp.fleet.views import desktops, joining

app_name = "fleet"

urlpatterns = [
    path("fleet/", desktops.fleet, name="fleet"),
    path("fleet/desktops/<int:desktop_id>/<str:action>/", desktops.desktop, name="desktop"),
    path("fleet/machines/<str:action>/", desktops.machine, name="machine"),
    path("machines/", joining.machines, name="machines"),
    path("machines/tokens/create/", joining.create, name="create_join_token"),
    path("machines/tokens/<int:token_id>/revoke/", joining.revoke, name="revoke_join_token"),
]

"""Addresses of the alerts pages."""

from django.urls import path

from webapp.alerts.views import page

app_name = "alerts"

urlpatterns = [
    path("alerts/", page.alerts, name="list"),
    path("alerts/bell/", page.bell, name="bell"),
    path("alerts/seen/", page.seen, name="seen"),
    path("alerts/rules/", page.change_rule, name="rule"),
    path("alerts/routes/add/", page.add, name="add_route"),
    path("alerts/routes/<int:route_id>/test/", page.test, name="test_route"),
    path("alerts/routes/<int:route_id>/remove/", page.remove, name="remove_route"),
    path("runs/<str:run_id>/mute-alerts/", page.mute, name="mute"),
]

"""Addresses of the fleet page."""

from django.urls import path

from webapp.fleet import views

app_name = "fleet"

urlpatterns = [
    path("", views.fleet, name="fleet"),
    path("desktops/<int:desktop_id>/<str:action>/", views.desktop, name="desktop"),
    path("machines/<str:action>/", views.machine, name="machine"),
]

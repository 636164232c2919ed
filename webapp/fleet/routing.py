"""Address of the fleet's live socket."""

from __future__ import annotations

from typing import Any

from django.urls import path

from webapp.fleet.consumers import FleetConsumer

fleet_page: Any = FleetConsumer.as_asgi()
websocket_urlpatterns: list[Any] = [path("ws/fleet/", fleet_page)]

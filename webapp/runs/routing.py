"""Addresses of the live sockets."""

from __future__ import annotations

from typing import Any

from django.urls import path

from webapp.runs.consumers import RunConsumer, RunListConsumer

websocket_urlpatterns: list[Any] = [
    path("ws/runs/", RunListConsumer.as_asgi()),
    path("ws/runs/<str:run_id>/", RunConsumer.as_asgi()),
]

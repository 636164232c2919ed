"""Addresses of the versioned API; included below /api/v1/."""

from __future__ import annotations

from typing import Any

from django.urls import path

from webapp.api.frames import frame, frames
from webapp.api.routes import api

urlpatterns: list[Any] = [
    path("runs/<str:run_id>/frames", frames, name="frames"),
    path("runs/<str:run_id>/frames/<str:sha256>", frame, name="frame"),
    path("", api.urls),
]

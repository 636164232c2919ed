"""The address book: which app answers below which path."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("webapp.accounts.urls")),
    path("api/v1/", include("webapp.api.urls")),
    path("", include("webapp.episodes.urls")),
    path("", include("webapp.metrics.urls")),
    path("", include("webapp.runs.urls")),
]

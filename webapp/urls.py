"""The address book: which app answers below which path."""

from django.contrib import admin
from django.urls import include, path

from webapp.health import healthz

urlpatterns = [
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("accounts/", include("webapp.accounts.urls")),
    path("api/v1/", include("webapp.api.urls")),
    path("", include("webapp.analysis.urls")),
    path("", include("webapp.alerts.urls")),
    path("", include("webapp.storage.urls")),
    path("", include("webapp.tryouts.urls")),
    path("", include("webapp.episodes.urls")),
    path("", include("webapp.films.urls")),
    path("", include("webapp.fleet.urls")),
    path("", include("webapp.metrics.urls")),
    path("", include("webapp.benchmarks.urls")),
    path("", include("webapp.runs.urls")),
]

handler400 = "webapp.runs.views.failures.bad_request"
handler500 = "webapp.outage.server_error"

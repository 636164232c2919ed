"""Addresses of the metrics pages."""

from django.urls import path

from webapp.metrics import views

app_name = "metrics"

urlpatterns = [
    path("runs/<str:run_id>/charts/", views.chart_panels, name="charts"),
    path("runs/<str:run_id>/figure.json", views.figure, name="figure"),
    path("runs/<str:run_id>/figure.csv", views.figure_csv, name="figure_csv"),
    path("runs/<str:run_id>/chart/", views.one_chart, name="one"),
    path("runs/<str:run_id>/system/", views.system, name="system"),
    path("runs/<str:run_id>/metrics/", views.all_metrics, name="all"),
]

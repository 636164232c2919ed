"""Addresses of the analysis pages."""

from django.urls import path

from webapp.analysis.views import choose, compare, exports, matrix

app_name = "analysis"

urlpatterns = [
    path("tasks/", matrix.page, name="matrix"),
    path("tasks/history/", matrix.history, name="history"),
    path("tasks/history/figure/", matrix.history_figure, name="history_figure"),
    path("tasks/choose/", choose.new_run_with, name="choose"),
    path("compare/", compare.page, name="compare"),
    path("compare/chart/", compare.one_chart, name="one"),
    path("compare/figure.json", compare.figure, name="figure"),
    path("compare/<slug:what>.csv", exports.download, name="export"),
]

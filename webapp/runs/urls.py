"""Addresses of the runs pages."""

from django.urls import path
from django.views.generic import RedirectView

from webapp.runs.views import bulk, control, detail, fidelity, history, imported, listing, new, preflight, saved

app_name = "runs"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="runs:list"), name="home"),
    path("setup.json", listing.setup, name="setup_state"),
    path("runs/", listing.run_list, name="list"),
    path("runs/rows/", listing.rows, name="rows"),
    path("runs/count/", listing.count, name="count"),
    path("runs/fresh/", listing.fresh, name="fresh"),
    path("runs/complete/", history.complete, name="complete"),
    path("runs/names/", history.names, name="names"),
    path("runs/columns/", history.columns, name="columns"),
    path("runs/menu/<str:which>/", history.menu, name="menu"),
    path("runs/add-filter/", history.add_filter, name="add_filter"),
    path("runs/export.csv", history.export, name="export"),
    path("runs/bulk/", bulk.bulk, name="bulk"),
    path("runs/views/", saved.save, name="save_view"),
    path("runs/views/<int:view_id>/delete/", saved.delete, name="delete_view"),
    path("runs/views/<int:view_id>/share/", saved.share, name="share_view"),
    path("runs/views/<int:view_id>/begin/", saved.begin, name="begin_with_view"),
    path("runs/example/", listing.example, name="example"),
    path("runs/new/", new.new_run, name="new"),
    path("runs/new/check/", new.check, name="check"),
    path("runs/new/preflight/", preflight.start, name="preflight"),
    path("runs/new/preflight/<str:report_id>/", preflight.state, name="preflight_state"),
    path("runs/new/paste/", new.paste, name="paste"),
    path("runs/new/paste-command/", imported.paste_command, name="paste_command"),
    path("runs/<str:run_id>/", detail.overview, name="detail"),
    path("runs/<str:run_id>/head/", detail.head, name="head"),
    path("runs/<str:run_id>/timeline/", detail.timeline, name="timeline"),
    path("runs/<str:run_id>/selection/", detail.selection, name="selection"),
    path("runs/<str:run_id>/measurements/", detail.measurements, name="measurements"),
    path("runs/<str:run_id>/log/", detail.log, name="log"),
    path("runs/<str:run_id>/config/", detail.config, name="config"),
    path("runs/<str:run_id>/fidelity/", fidelity.page, name="fidelity"),
    path("runs/<str:run_id>/fidelity.md", fidelity.markdown, name="fidelity_markdown"),
    path("runs/<str:run_id>/fidelity.json", fidelity.data, name="fidelity_json"),
    path("runs/<str:run_id>/stop/", control.stop, name="stop"),
    path("runs/<str:run_id>/keep-running/", control.keep_running, name="keep_running"),
    path("runs/<str:run_id>/force-stop/", control.force, name="force_stop"),
    path("runs/<str:run_id>/pause/", control.pause, name="pause"),
    path("runs/<str:run_id>/resume/", control.resume, name="resume"),
    path("runs/<str:run_id>/archive/", control.archive, name="archive"),
    path("runs/<str:run_id>/unarchive/", control.unarchive, name="unarchive"),
    path("runs/<str:run_id>/edit/", control.edit, name="edit"),
]

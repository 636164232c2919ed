"""Addresses of the episodes pages."""

from django.urls import path

from webapp.episodes.views import compare, fragments, groups, lists, memory, side_by_side, steps, thumbs, viewer

app_name = "episodes"

urlpatterns = [
    path("runs/<str:run_id>/wall/", fragments.wall, name="wall"),
    path("runs/<str:run_id>/replay/", memory.inspector, name="memory"),
    path("runs/<str:run_id>/replay/figure.json", memory.figure, name="memory_figure"),
    path("runs/<str:run_id>/replay/panel/", fragments.replay, name="replay"),
    path("runs/<str:run_id>/latest-episodes/", fragments.latest, name="latest"),
    path("runs/<str:run_id>/compare/", compare.comparison, name="compare"),
    path("runs/<str:run_id>/groups/", groups.group_list, name="groups"),
    path("runs/<str:run_id>/groups/<str:group_key>/", groups.group_page, name="group"),
    path("runs/<str:run_id>/thumbs/<str:sha256>", thumbs.thumb, name="thumb"),
    path("runs/<str:run_id>/episodes/", lists.episode_list, name="list"),
    path("runs/<str:run_id>/episodes/<str:key>/", viewer.viewer, name="viewer"),
    path("runs/<str:run_id>/episodes/<str:key>/steps.json", steps.page, name="steps"),
    path("runs/<str:run_id>/episodes/<str:key>/notes/", steps.note, name="note"),
    path("runs/<str:run_id>/episodes/<str:key>/notes/<int:note_id>/remove/", steps.unnote, name="unnote"),
    path("runs/<str:run_id>/episodes/<str:key>/episode.zip", steps.archive, name="archive"),
    path("side-by-side/", side_by_side.side_by_side, name="side_by_side"),
]

"""Addresses of the episodes pages."""

from django.urls import path

from webapp.episodes.views import compare, fragments, lists, viewer

app_name = "episodes"

urlpatterns = [
    path("runs/<str:run_id>/wall/", fragments.wall, name="wall"),
    path("runs/<str:run_id>/replay/", fragments.replay, name="replay"),
    path("runs/<str:run_id>/latest-episodes/", fragments.latest, name="latest"),
    path("runs/<str:run_id>/compare/", compare.comparison, name="compare"),
    path("runs/<str:run_id>/groups/", lists.group_list, name="groups"),
    path("runs/<str:run_id>/episodes/", lists.episode_list, name="list"),
    path("runs/<str:run_id>/episodes/<str:key>/", viewer.viewer, name="viewer"),
]

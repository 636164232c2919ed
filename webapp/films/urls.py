"""Addresses of films, and of before and after."""

from django.urls import path

from webapp.films.views import before_after, films

app_name = "films"

urlpatterns = [
    path("before-and-after/", before_after.choose, name="before_after"),
    path("films/new/", films.make, name="make"),
    path("films/<int:film_id>/", films.page, name="film"),
    path("films/<int:film_id>/state/", films.state, name="state"),
    path("films/<int:film_id>/file/", films.file, name="file"),
]

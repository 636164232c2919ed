"""Addresses of the try-outs."""

from django.urls import path

from webapp.tryouts.views import directing, page, picker

app_name = "tryouts"

urlpatterns = [
    path("try/", picker.picker, name="picker"),
    path("try/desktops/", picker.desktops, name="desktops"),
    path("try/tasks/", picker.tasks, name="tasks"),
    path("try/<str:try_id>/", page.tryout, name="page"),
    path("try/<str:try_id>/state.json", page.state, name="state"),
    path("try/<str:try_id>/direct/", directing.direct, name="direct"),
    path("try/<str:try_id>/take-over/", directing.take_over, name="take_over"),
    path("try/<str:try_id>/keep/", directing.keep, name="keep"),
]

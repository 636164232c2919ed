"""Who may open a page at all. Requests of a page's own script get an answer that the script can show."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from webapp.accounts.models import User

P = ParamSpec("P")


class PersonRequest(HttpRequest):
    """A request that is known to come from somebody who is signed in."""

    user: User


def signed_in(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let only signed-in people through; a page goes to the sign-in form, a fragment is answered 401."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)  # type: ignore[arg-type]
        if request.headers.get("HX-Request") or "application/json" in request.headers.get("Accept", ""):
            return HttpResponse("Your session has ended; sign in again.", status=401, content_type="text/plain")
        back = request.get_full_path() if request.method == "GET" else "/runs/"
        return redirect_to_login(back)

    return guarded

"""The new-run page, filled from a pasted command of ARPO, EasyR1 or OSWorld, with what became of each of its keys."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from arpo_engine.contract.config.osworld_runner import is_runner
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.frame import current_team
from webapp.accounts.models import Role
from webapp.accounts.permissions import PermissionRefused, can_administer, require_role
from webapp.runs.forms import PastedYamlError, RunForm
from webapp.runs.imported import ImportedPage, import_command
from webapp.runs.imported_runner import import_runner
from webapp.runs.origins import origin_of
from webapp.runs.views.new import form_page


@require_POST
@signed_in
def paste_command(request: PersonRequest) -> HttpResponse:
    """Show what becomes of each key, and the form with what could be imported; nothing is started or executed."""
    team = current_team(request)
    if team is None:
        return redirect("runs:list")
    origin = origin_of(request.user, team, request.POST)
    try:
        require_role(request.user, team, Role.RUNNER, "import a command")
        page = _imported(
            request.POST.get("command", ""), request.POST.get("base", ""), by_admin=can_administer(request.user, team)
        )
    except (PermissionRefused, PastedYamlError) as refusal:
        messages.error(request, str(refusal))
        status = 403 if isinstance(refusal, PermissionRefused) else 422
        return form_page(request, team, origin, RunForm(origin.tree), status=status)
    form = RunForm(page.tree)
    fine = form.is_valid() and not page.refused
    notice = "The form now holds the imported run; check it and start it." if fine else ""
    return form_page(request, team, origin, form, notice=notice, imported=page, status=200 if fine else 422)


def _imported(text: str, base: str, *, by_admin: bool) -> ImportedPage:
    """What the text is, it says itself: a training of the published code, or an evaluation by OSWorld's runner."""
    return import_runner(text) if is_runner(text) else import_command(text, base, by_admin=by_admin)

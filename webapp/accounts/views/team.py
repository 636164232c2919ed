"""Members and roles of the team that one looks at. Members may look; only admins may change."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.accounts.forms import MemberForm, RoleForm
from webapp.accounts.frame import team_or_404
from webapp.accounts.models import Membership, Role, Team
from webapp.accounts.permissions import PermissionRefused, can_administer
from webapp.accounts.selectors import members_visible_to
from webapp.accounts.services import add_member, change_role, make_sign_in_link, remove_member

LINK_KEY = "member_link"


@signed_in
def members(request: PersonRequest) -> HttpResponse:
    """The list of members; for an admin with a form to add one."""
    return _page(request, team_or_404(request), MemberForm())


@require_POST
@signed_in
def add(request: PersonRequest) -> HttpResponse:
    """Bring somebody in; a new account gets a one-time link to pass on."""
    team = team_or_404(request)
    form = MemberForm(request.POST)
    if not form.is_valid():
        return _page(request, team, form, status=422)
    try:
        membership = add_member(
            team=team,
            actor=request.user,
            username=form.cleaned_data["username"],
            role=Role(form.cleaned_data["role"]),
            ip=request.META.get("REMOTE_ADDR"),
        )
    except PermissionRefused as refusal:
        return _refused(request, team, refusal)
    user = membership.user
    if not user.has_usable_password():
        secret = make_sign_in_link(user=user)
        address = request.build_absolute_uri(reverse("accounts:sign_in_link", args=[secret]))
        request.session[LINK_KEY] = {"username": user.username, "address": address}
    messages.success(request, f"{user.username} is now {Role(membership.role).label.lower()} of {team.name}.")
    return redirect("accounts:members")


@require_POST
@signed_in
def update_role(request: PersonRequest, membership_id: int) -> HttpResponse:
    """Give a member another role."""
    membership = _membership(request, membership_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That role is not known; choose one of the list.")
        return redirect("accounts:members")
    try:
        change_role(
            membership=membership,
            actor=request.user,
            role=Role(form.cleaned_data["role"]),
            ip=request.META.get("REMOTE_ADDR"),
        )
    except PermissionRefused as refusal:
        return _refused(request, membership.team, refusal)
    messages.success(request, f"{membership.user.username} is now {Role(membership.role).label.lower()}.")
    return redirect("accounts:members")


@require_POST
@signed_in
def remove(request: PersonRequest, membership_id: int) -> HttpResponse:
    """Take a member out of the team."""
    membership = _membership(request, membership_id)
    name = membership.user.username
    try:
        remove_member(membership=membership, actor=request.user, ip=request.META.get("REMOTE_ADDR"))
    except PermissionRefused as refusal:
        return _refused(request, membership.team, refusal)
    messages.success(request, f"{name} is no longer in the team; the runs stay.")
    return redirect("accounts:members")


def _membership(request: PersonRequest, membership_id: int) -> Membership:
    membership = members_visible_to(request.user, team_or_404(request)).filter(pk=membership_id).first()
    if membership is None:
        raise Http404("There is no such member in this team.")
    return membership


def _page(request: PersonRequest, team: Team, form: MemberForm, status: int = 200) -> HttpResponse:
    context = {
        "members": members_visible_to(request.user, team),
        "form": form,
        "roles": Role.choices,
        "may_change": can_administer(request.user, team),
        "link": request.session.pop(LINK_KEY, None),
    }
    return render(request, "accounts/members.html", context, status=status)


def _refused(request: PersonRequest, team: Team, refusal: PermissionRefused) -> HttpResponse:
    messages.error(request, str(refusal))
    return _page(request, team, MemberForm(), status=403)

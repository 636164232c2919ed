"""What a person may order of desktops: rows that travel to the engine with its next answer. Written once, audited."""

from __future__ import annotations

from django.db import transaction

from arpo_engine.contract.fleet import OrderAction
from webapp.accounts.models import Role, Team, User
from webapp.accounts.permissions import require_role
from webapp.accounts.services import record
from webapp.fleet.access import live_desktops
from webapp.fleet.models import Desktop, Order
from webapp.runs.models import Run

OF_A_DESKTOP = (OrderAction.RESTART, OrderAction.QUARANTINE, OrderAction.RELEASE)
OF_A_MACHINE = (OrderAction.DRAIN, OrderAction.UNDRAIN)
DOING = {
    OrderAction.DRAIN: "drain a machine",
    OrderAction.UNDRAIN: "give a machine back to the run",
    OrderAction.RESTART: "restart a desktop",
    OrderAction.QUARANTINE: "take a desktop out",
    OrderAction.RELEASE: "release a desktop",
}
SAID = {
    OrderAction.DRAIN: "takes no new episodes as soon as the engine hears it; those under way finish",
    OrderAction.UNDRAIN: "takes new episodes again as soon as the engine hears it",
    OrderAction.RESTART: "is started again as soon as the engine hears it; what was under way begins anew",
    OrderAction.QUARANTINE: "is taken out as soon as the engine hears it",
    OrderAction.RELEASE: "is used again as soon as the engine hears it",
}


class OrderRefused(Exception):
    """There is nobody who could carry it out; the text says why."""


@transaction.atomic
def order_desktop(*, desktop: Desktop, action: OrderAction, actor: User, ip: str | None = None) -> str:
    """Order something of one desktop. Asking twice is harmless. Returns what happens next.

    Raises:
        PermissionRefused: the person is no runner of the team.
        OrderRefused: the desktop's attempt is over.
    """
    if action not in OF_A_DESKTOP:
        raise OrderRefused(f"{action.value} is said of a machine, not of a desktop.")
    require_role(actor, desktop.run.team, Role.RUNNER, DOING[action])
    if not live_desktops().filter(pk=desktop.pk).exists():
        raise OrderRefused(f"{desktop.name} is gone with its attempt; there is nothing to {action.value}.")
    _write(desktop.run, desktop.attempt, action, desktop.name, actor, ip)
    return f"{desktop.name} {SAID[action]}."


@transaction.atomic
def order_machine(*, name: str, team: Team, action: OrderAction, actor: User, ip: str | None = None) -> str:
    """Order something of a machine, for every live run of the team on it. Asking twice is harmless.

    Raises:
        PermissionRefused: the person is no runner of the team.
        OrderRefused: no live run of the team has desktops there.
    """
    if action not in OF_A_MACHINE:
        raise OrderRefused(f"{action.value} is said of a desktop, not of a machine.")
    require_role(actor, team, Role.RUNNER, DOING[action])
    desktops = live_desktops().filter(run__team=team, machine=name).select_related("run")
    attempts = {(desktop.run_id, desktop.attempt): desktop.run for desktop in desktops}
    if not attempts:
        raise OrderRefused(
            f"No run of {team.name} has desktops on {name} any more; there is nothing to {action.value}."
        )
    for (_, attempt), run in attempts.items():
        _write(run, attempt, action, name, actor, ip)
    return f"{name} {SAID[action]}."


def _write(run: Run, attempt: int, action: OrderAction, target: str, actor: User, ip: str | None) -> None:
    order, created = Order.objects.get_or_create(
        run=run,
        attempt=attempt,
        action=action.value,
        target=target,
        state=Order.State.WAITING,
        defaults={"asked_by": actor},
    )
    if created:
        record(
            action=f"desktop.{action.value}",
            subject=run,
            actor=actor,
            team=run.team,
            ip=ip,
            target=target,
            attempt=attempt,
            order=order.pk,
        )

"""Join tokens: made and ended by administrators of the console, redeemed by machines. Each of these is audited."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from arpo_engine.contract.joining import JoinAnswer, JoinRequest, misfits
from webapp.accounts.models import User
from webapp.accounts.permissions import can_administer_console, require_console_admin
from webapp.accounts.secrets import digest_of, make_secret
from webapp.accounts.services import record
from webapp.fleet.cluster import how_to_join
from webapp.fleet.models import JoinToken

log = logging.getLogger(__name__)

PREFIX_LENGTH = 12
LONGEST_LIFE = timedelta(days=30)
HOST_LENGTH = 200


class TokenRefused(Exception):
    """A machine brought no token that admits it; the text says what to do."""


class MachineMisfit(Exception):
    """A machine has other versions than the cluster; the text names each and its cure."""


@transaction.atomic
def make_join_token(
    *, actor: User, name: str, lifetime: timedelta, once: bool, ip: str | None = None
) -> tuple[JoinToken, str]:
    """A new token and its secret, which is shown now and never again.

    Raises:
        PermissionRefused: the person is no administrator of the console. The token leads to Ray's own, with which
            anything can be run on every machine of the cluster, whichever team's runs are there.
        ValueError: it would live for no time, or for more than 30 days.
    """
    require_console_admin(actor, "let machines join the cluster")
    if not timedelta(0) < lifetime <= LONGEST_LIFE:
        raise ValueError(f"a join token may live for up to {LONGEST_LIFE.days} days, and {lifetime} is asked for")
    secret = make_secret("join")
    token = JoinToken.objects.create(
        made_by=actor,
        name=name,
        prefix=secret[:PREFIX_LENGTH],
        digest=digest_of(secret),
        once=once,
        expires_at=timezone.now() + lifetime,
    )
    record(action="join_token.created", subject=token, actor=actor, team=None, ip=ip, name=name, once=once)
    return token, secret


@transaction.atomic
def revoke_join_token(*, token: JoinToken, actor: User, ip: str | None = None) -> None:
    """End a token; machines that have joined stay. Ending it twice is harmless."""
    require_console_admin(actor, "revoke join tokens")
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
        record(action="join_token.revoked", subject=token, actor=actor, team=None, ip=ip, name=token.name)


@transaction.atomic
def admit(*, secret: str, request: JoinRequest, ip: str | None = None) -> JoinAnswer:
    """What a machine needs in order to join. A token that is good for once is spent only if the machine fits.

    Raises:
        TokenRefused: the token is unknown, revoked, spent or too old, or its maker may no longer make one.
        NothingToJoin: the console has no cluster that another machine reaches.
        MachineMisfit: contract, Python or Ray differ.
    """
    token = JoinToken.objects.select_for_update().filter(digest=digest_of(secret)).first()
    cure = "An administrator of the console makes a new one on the page Machines."
    if token is None:
        raise TokenRefused(f"This join token is not known. {cure}")
    if token.ended:
        raise TokenRefused(f"This join token is {token.ended}. {cure}")
    maker = token.made_by
    if maker is None or not can_administer_console(maker):
        raise TokenRefused(f"Whoever made this join token is no administrator any more. {cure}")
    answer = how_to_join()
    reasons = misfits(console=answer, machine=request)
    if reasons:
        raise MachineMisfit("; ".join(reasons))
    token.uses += 1
    token.last_used_at = timezone.now()
    token.last_used_by = request.host[:HOST_LENGTH]
    token.save(update_fields=["uses", "last_used_at", "last_used_by"])
    record(action="machine.admitted", subject=token, actor=maker, team=None, ip=ip, host=request.host, name=token.name)
    return answer


def note_refusal(*, secret: str, request: JoinRequest, reason: str, ip: str | None = None) -> None:
    """Write down that a machine was not let in. A token that was never made here goes to the log of the console alone:
    anybody may send one, as often as they like, and the audit log is kept for ever.
    """
    host = request.host[:HOST_LENGTH]
    token = JoinToken.objects.filter(digest=digest_of(secret)).first()
    if token is None:
        log.warning("a machine was not let in", extra={"host": host, "ip": ip, "reason": reason})
        return
    told = {"host": host, "name": token.name, "reason": reason}
    record(action="machine.refused", subject=token, actor=token.made_by, team=None, ip=ip, **told)

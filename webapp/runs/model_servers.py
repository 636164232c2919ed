"""Which servers of models a run may ask, by who starts it. Decided here, held where the run runs."""

from __future__ import annotations

from django.conf import settings

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.servers import ServerGate, ServerRefused
from webapp.accounts.models import Team
from webapp.accounts.permissions import PermissionRefused, Person, can_administer


def gate_for(person: Person, team: Team) -> ServerGate:
    """What runs of this person in this team may ask: for admins of the team any server, else the listed ones and those
    on private addresses."""
    return ServerGate(listed=tuple(settings.MODEL_SERVERS), anywhere=can_administer(person, team))


def require_servers(person: Person, team: Team, config: RunConfig) -> None:
    """Raise PermissionRefused where a server may surely not be asked; names are judged where the run runs."""
    if not isinstance(config.generator, OpenAiGeneratorConfig):
        return
    gate = gate_for(person, team)
    for url in config.generator.base_urls:
        try:
            gate.check_without_looking_up(url)
        except ServerRefused as refusal:
            raise PermissionRefused(f"generator.base_urls: {refusal}.") from refusal

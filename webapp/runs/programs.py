"""Which programs a run may start where runs run, by who starts it: what a config names or brings is for admins."""

from __future__ import annotations

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.containers import VmwareDesktopsConfig
from webapp.accounts.models import Role, Team
from webapp.accounts.permissions import Person, require_role


def require_programs(person: Person, team: Team, config: RunConfig) -> None:
    """Raise PermissionRefused where a config names a program or brings code, and the person is no admin of the team."""
    if config.model.trust_remote_code:
        require_role(person, team, Role.ADMIN, "run the code that comes with a model (model.trust_remote_code)")
    if isinstance(config.desktops, VmwareDesktopsConfig) and config.desktops.vmrun:
        require_role(person, team, Role.ADMIN, "name the program that switches machines (desktops.vmrun)")

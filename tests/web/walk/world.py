"""A team with one of everything, and people of every role, each signed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests.web.builders import make_person, make_team
from tests.web.pages.factories import rich_run
from tests.web.pages.tryouts import begun
from webapp.accounts.models import Membership, Role, Team, User
from webapp.accounts.services import create_api_token
from webapp.alerts.models import Alert
from webapp.alerts.models import Route as AlertRoute
from webapp.episodes.models import Episode, Frame, Group, StepNote
from webapp.films.models import Film
from webapp.runs.models import Checkpoint, Run, SavedView
from webapp.runs.planning_models import Sweep
from webapp.runs.services.schedules import create_schedule
from webapp.runs.services.team_presets import save_preset
from webapp.tryouts.models import Tryout

SECRET = "Moonlight"
"""A word in the names of what belongs to the team; a stranger must never read it."""
NOBODY = "nobody"
ROLES = (NOBODY, "stranger", *Role.values, "console admin")


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The team's things, and who looks at them."""

    team: Team
    run: Run
    sessions: dict[str, str]
    """Each role's session key; empty for nobody."""

    def value(self, name: str, kind: str) -> Any:
        """What goes into a route's place of this name.

        Raises:
            AssertionError: no value is known; a route with a new place needs a line here.
        """
        make = VALUES.get(name)
        assert make is not None, f"a route has the place {name!r} ({kind}), for which VALUES has no line"
        return make(self)


def make_world() -> World:
    """A run that has seen everything, a member of every role, a stranger with a run of their own."""
    team, admin = make_team("Reds")
    runner = make_person("ruth", team, Role.RUNNER)
    others = {role: make_person(f"one-{role}", team, Role(role)) for role in ("viewer", "maintainer")}
    run, _ = rich_run(runner, team, f"{SECRET} run")
    StepNote.objects.create(episode=run.episodes.all()[0], index=0, author=runner, text=f"{SECRET} note")
    create_api_token(user=admin, team=team, name=f"{SECRET} token", scopes=["read"])
    SavedView.objects.create(team=team, owner=runner, name=f"{SECRET} view", state=f"q={SECRET}", shared=True)
    blues, _ = make_team("Blues")
    stranger = make_person("sid", blues, Role.RUNNER)
    rich_run(stranger, blues, "Daylight run", steps=1)
    make_plans(team, admin, run)
    make_alerts(team, run)
    begun(runner, team, instruction=f"{SECRET} words")
    make_film(runner, run)
    above = User.objects.create_superuser("root", password="correct horse battery")
    people = {"stranger": stranger, "runner": runner, "admin": admin, **others, "console admin": above}
    sessions = {NOBODY: "", **{role: sign_in(person) for role, person in people.items()}}
    return World(team=team, run=run, sessions=sessions)


def sign_in(person: User) -> str:
    """The key of a session of theirs."""
    client = Client()
    client.force_login(person)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def make_plans(team: Team, admin: User, run: Run) -> None:
    """A preset of the team, a schedule that is not due, and a sweep that a run belongs to."""
    words = {"team": team, "config": run.config, "locked": ["optimizer.lr"], "story": ""}
    save_preset(actor=admin, name=f"{SECRET} preset", **words)
    later = timezone.now() + timedelta(days=300)
    create_schedule(owner=admin, team=team, name=f"{SECRET} schedule", tree=run.config, next_at=later)
    sweep = Sweep.objects.create(team=team, owner=admin, name=f"{SECRET} sweep", axes=[["seed", [1, 2]]])
    Run.objects.filter(pk=run.pk).update(sweep=sweep)


def make_film(maker: User, run: Run) -> None:
    """A film of an episode that waits to be drawn."""
    episode = Episode.objects.filter(run=run).exclude(ended_by="")[0]
    later = timezone.now() + timedelta(days=7)
    Film.objects.create(maker=maker, left=episode, kind="webp", expires_at=later)


def make_alerts(team: Team, run: Run) -> None:
    """An alert of the run, and a way for it that leads to nobody."""
    Alert.objects.create(team=team, run=run, kind="failed", text=f"{SECRET} stands still")
    AlertRoute.objects.create(
        team=team, way=AlertRoute.Way.EMAIL, label=f"{SECRET} mail", address="nobody@example.invalid"
    )


VALUES: dict[str, Callable[[World], Any]] = {
    "view_id": lambda world: SavedView.objects.values_list("pk", flat=True)[0],
    "which": lambda world: "views",
    "run_id": lambda world: world.run.pk,
    "try_id": lambda world: Tryout.objects.get(run__team=world.team).run_id,
    "key": lambda world: Episode.objects.filter(run=world.run).values_list("key", flat=True)[0],
    "group_key": lambda world: Group.objects.filter(run=world.run).values_list("key", flat=True)[0],
    "film_id": lambda world: Film.objects.filter(left__run=world.run).values_list("pk", flat=True)[0],
    "sha256": lambda world: Frame.objects.filter(run=world.run).values_list("sha256", flat=True)[0],
    "checkpoint_id": lambda world: Checkpoint.objects.filter(run=world.run).values_list("pk", flat=True)[0],
    "membership_id": lambda world: Membership.objects.get(team=world.team, role=Role.VIEWER).pk,
    "preset_id": lambda world: world.team.presets.get().pk,
    "schedule_id": lambda world: world.team.schedules.values_list("pk", flat=True).last() or 1,
    "sweep_id": lambda world: world.team.sweeps.values_list("pk", flat=True).last(),
    "token_id": lambda world: world.team.api_tokens.get().pk,
    "name": lambda world: "config.json",
    "what": lambda world: "whole",
    "desktop_id": lambda world: 1,
    "action": lambda world: "drain",
    "secret": lambda world: "in_unknown",
    "route_id": lambda world: world.team.alert_routes.get().pk,
    "note_id": lambda world: StepNote.objects.filter(episode__run=world.run).values_list("pk", flat=True)[0],
    "report_id": lambda world: "unknown",
    "number": lambda world: 1,
    "table": lambda world: "summary",
    "id": lambda world: 1,
    "object_id": lambda world: 1,
    "content_type_id": lambda world: 1,
}
"""A line for each name that a place of a route has."""

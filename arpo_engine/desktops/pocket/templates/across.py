"""Tasks on the launcher, tasks that go through several applications, and tasks that cannot be done."""

from __future__ import annotations

import random
from collections.abc import Callable

from arpo_engine.desktops.pocket.goals import Goal, app_open
from arpo_engine.desktops.pocket.goals.setup import colors_seen
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates import files, mail, setup
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, draft, hidden, pick
from arpo_engine.desktops.pocket.vocabulary import APPS, HOME, Pool


def _open_app(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
    (app,) = pick(rng, APPS)
    return draft(f"Open app {app}", [app], state, {"app": app})


def _then_app(first: Compose, here: str) -> Compose:
    """Another task, and then another application to be left open."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        begun = first(state, rng, pool)
        (app,) = pick(rng, [name for name in APPS if name != here])
        evaluator = {
            **begun.evaluator,
            "func": ["equals", *begun.evaluator["func"]],
            "result": [{"type": "pocket_value", "path": "app"}, *begun.evaluator["result"]],
            "expected": [{"type": "rule", "rules": {"expected": app}}, *begun.evaluator["expected"]],
        }
        return Draft(
            instruction=f"{begun.instruction} and open app {app}",
            words=(*begun.words, app),
            state=begun.state,
            evaluator=evaluator,
        )

    return compose


def _then_open(plan: Callable[..., list[Goal]]) -> Callable[..., list[Goal]]:
    return lambda word, app: [*plan(word), app_open(app)]


def _missing(instruction: str, candidates: Callable[[InitialState, Pool], list[str]]) -> Compose:
    """Something is asked of a thing that is not there."""

    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        (word,) = pick(rng, candidates(state, pool))
        evaluator = {"func": "infeasible"}
        return Draft(instruction=instruction.format(word), words=(word,), state=state, evaluator=evaluator)

    return compose


def _look_in(app: str) -> Callable[..., list[Goal]]:
    return lambda _word: [app_open(app, forgettable=False)]


OPEN_APP = Template(name="open-app", apps=(HOME,), compose=_open_app, goals=lambda app: [app_open(app)])

ACROSS = (
    Template(
        name="turn-on-and-open-app",
        apps=("Setup", HOME),
        compose=_then_app(setup.turn_on, "Setup"),
        goals=_then_open(setup.option_goals(True)),
    ),
    Template(
        name="send-mail-and-open-app",
        apps=("Mail", HOME),
        compose=_then_app(mail.send, "Mail"),
        goals=_then_open(mail.mail_goals()),
    ),
    Template(
        name="open-file-and-open-app",
        apps=("Files", HOME),
        compose=_then_app(files.open_file, "Files"),
        goals=_then_open(files.open_goals),
    ),
)

MISSING = (
    Template(
        name="turn-on-missing",
        apps=("Setup",),
        compose=_missing("Turn on {}", lambda state, pool: hidden(pool.options, state.options)),
        goals=_look_in("Setup"),
        infeasible=True,
    ),
    Template(
        name="set-color-missing",
        apps=("Setup",),
        compose=_missing("Set Color to {}", lambda state, pool: hidden(pool.colors, state.colors)),
        goals=lambda _word: [colors_seen()],
        infeasible=True,
    ),
    Template(
        name="open-file-missing",
        apps=("Files",),
        compose=_missing("Open file {}", lambda state, pool: hidden(pool.files, state.files)),
        goals=_look_in("Files"),
        infeasible=True,
    ),
    Template(
        name="delete-row-missing",
        apps=("Table",),
        compose=_missing("Delete row {}", lambda state, pool: hidden(pool.rows, state.table)),
        goals=_look_in("Table"),
        infeasible=True,
    ),
)

"""Tasks on the Mail page."""

from __future__ import annotations

import random
from collections.abc import Callable

from arpo_engine.desktops.pocket.goals import Goal
from arpo_engine.desktops.pocket.goals import mail as goals
from arpo_engine.desktops.pocket.state import InitialState
from arpo_engine.desktops.pocket.templates.base import Compose, Draft, Template, draft, pick, shown
from arpo_engine.desktops.pocket.vocabulary import Pool

APPS = ("Mail",)


def _mail(instruction: str, *, about: bool = False, copy: bool = False) -> Compose:
    def compose(state: InitialState, rng: random.Random, pool: Pool) -> Draft:
        (person,), (text,) = pick(rng, shown(pool.people, state.people)), pick(rng, pool.texts)
        words = [person, text] if about else [person]
        sent = {"to": person, "about": text if about else "", "copy": copy}
        return draft(instruction.format(*words), words, state, {"sent": [sent]})

    return compose


def mail_goals(*, copy: bool = False) -> Callable[..., list[Goal]]:
    """The form in its order, then Send."""

    def plan(person: str, about: str = "") -> list[Goal]:
        form = [goals.mail_to(person)]
        if about:
            form.append(goals.mail_about(about))
        if copy:
            form.append(goals.mail_copy())
        return [*form, goals.nothing_else(about=bool(about), copy=copy), goals.mail_sent()]

    return plan


send = _mail("Send mail to {}")

TEMPLATES = (
    Template(name="send-mail", apps=APPS, compose=send, goals=mail_goals()),
    Template(
        name="send-mail-about",
        apps=APPS,
        compose=_mail("Send mail to {} about {}", about=True),
        goals=mail_goals(),
    ),
    Template(
        name="send-mail-copy",
        apps=APPS,
        compose=_mail("Send mail to {} with copy", copy=True),
        goals=mail_goals(copy=True),
    ),
    Template(
        name="send-mail-about-copy",
        apps=APPS,
        compose=_mail("Send mail to {} about {} with copy", about=True, copy=True),
        goals=mail_goals(copy=True),
    ),
)

"""A try-out as page tests need it: started by the service, with an engine that tells how it stands."""

from __future__ import annotations

from typing import Any

from arpo_engine.contract import events as wire
from arpo_engine.contract.actions import Action, Click
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.outcomes import Split
from tests.web.pages.factories import HEIGHT, WIDTH, Engine
from webapp.accounts.models import Team, User
from webapp.tryouts.services import start_tryout


def begun(owner: User, team: Team, **tryout: Any) -> Engine:
    """A try-out whose engine is up, shows a screen and holds."""
    config = RunConfig.model_validate({"kind": "try", "title": "Try: the shipped model", "tryout": tryout})
    engine = Engine(start_tryout(owner=owner, team=team, config=config))
    engine.start()
    engine.say(
        wire.EpisodeStarted(
            episode_id="e1", task_id="notes-save", instruction="Save the note", split=Split.TRYOUT, step=0,
            desktop="pocket-0",
        ),
        changed(frame=engine.frame(1)),
    )  # fmt: skip
    engine.run.refresh_from_db()
    return engine


def changed(state: str = "holding", **words: Any) -> wire.TryoutChanged:
    """How an engine tells of its try-out."""
    fields: dict[str, Any] = {
        "state": state, "episode_id": "e1", "task_id": "notes-save", "instruction": "Save the note",
        "idle_s_left": 600.0 if state in ("holding", "over") else None, "screen": (WIDTH, HEIGHT),
    }  # fmt: skip
    return wire.TryoutChanged(**(fields | words))


def step(engine: Engine, index: int, action: Action | None = None, *, by: str = "") -> wire.EpisodeStepTaken:
    """A step of the agent, or of a person."""
    return wire.EpisodeStepTaken(
        episode_id="e1", index=index, frame=engine.frame(index), thought="" if by else "I press the button.",
        action=action or Click(x=40, y=60), raw_text="" if by else "Action: …", by=by,
    )  # fmt: skip

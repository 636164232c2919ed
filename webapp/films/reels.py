"""Episodes as the reel of a film: rows in, what is drawn out. Decides nothing about who may see them."""

from __future__ import annotations

from functools import partial

from pydantic import TypeAdapter, ValidationError

from arpo_engine.contract.action_words import action_words
from arpo_engine.contract.actions import Action
from arpo_engine.filming.reel import Reel, Shot, Side, Tone
from webapp.episodes.models import Episode, Frame, Step
from webapp.episodes.pictures import WHY_NOT, Picture, pictures_of
from webapp.episodes.services.frames import open_frame
from webapp.episodes.words import outcome_of
from webapp.runs.models import Run

TONES: dict[str, Tone] = {"good": "good", "warn": "warn", "bad": "bad"}
NOT_SCORED = "The desktop as it was scored was not kept."
_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


def reel_of(left: Episode, right: Episode | None) -> Reel:
    """The reel of one episode, or of two; where their tasks differ both instructions are told."""
    sides = [left] if right is None else [left, right]
    said = list(dict.fromkeys(one.instruction for one in sides))
    return Reel(instruction=" / ".join(said), sides=tuple(_side(one) for one in sides))


def who_of(run: Run, episode: Episode) -> str:
    """Whose episode it is, such as `First steps, step 10`; of a measured checkpoint its step."""
    saved = run.from_checkpoint
    if run.kind == "evaluate" and saved is not None:
        return f"{run.name}, checkpoint of step {saved.step}"
    return f"{run.name}, step {episode.step}"


def _side(episode: Episode) -> Side:
    run = episode.run
    steps = list(Step.objects.filter(episode=episode).order_by("index"))
    states = pictures_of(run, {step.frame for step in steps} | {episode.final_frame})
    outcome = outcome_of(episode)
    return Side(
        who=who_of(run, episode),
        shots=tuple(_shot(run, step, states[step.frame]) for step in steps),
        final=_final(run, episode, states[episode.final_frame]),
        outcome=outcome.word,
        tone=TONES.get(outcome.tone, ""),
        score=episode.score,
    )


def _shot(run: Run, step: Step, state: Picture) -> Shot:
    return Shot(
        size=(step.frame_width, step.frame_height),
        picture=partial(_bytes_of, run, step.frame),
        missing=_why_not(state, WHY_NOT[Picture.NEVER]),
        action=_action_of(step),
        did=action_words(step.action),
        thought=step.thought or step.problem,
    )


def _final(run: Run, episode: Episode, state: Picture) -> Shot:
    frame = Frame.objects.filter(run=run, sha256=episode.final_frame).first()
    return Shot(
        size=(frame.width, frame.height) if frame else (0, 0),
        picture=partial(_bytes_of, run, episode.final_frame),
        missing=_why_not(state, NOT_SCORED),
    )


def _why_not(state: Picture, otherwise: str) -> str:
    return WHY_NOT[state] if state in (Picture.COMING, Picture.GONE) else otherwise


def _bytes_of(run: Run, sha256: str) -> bytes | None:
    found = open_frame(run, sha256) if sha256 else None
    return found[0] if found else None


def _action_of(step: Step) -> Action | None:
    """The action, to be drawn; None for none, and for one of a newer engine, which is told in words alone."""
    try:
        return _ACTION.validate_python(step.action) if step.action else None
    except ValidationError:
        return None

"""One task by two policies side by side, as a moving picture made from what their runs recorded.

Reads the spool and the frames of a run folder; knows no model and no desktop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arpo_engine.contract.action_words import action_words
from arpo_engine.contract.actions import Action
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.events import Envelope, EpisodeEnded, EpisodeStarted, EpisodeStepTaken, FrameRef
from arpo_engine.contract.outcomes import Split
from arpo_engine.filming.kinds import FilmKind
from arpo_engine.filming.making import FilmFacts, make_film
from arpo_engine.filming.reel import Reel, Shot, Side

WHO = ("before training", "after training")


@dataclass(slots=True)
class Take:
    """One recorded episode."""

    run_dir: Path
    started: EpisodeStarted
    steps: list[EpisodeStepTaken] = field(default_factory=list)
    ended: EpisodeEnded | None = None

    @property
    def solved(self) -> bool:
        """Whether its desktop gave it a full score."""
        return self.ended is not None and self.ended.score == 1.0

    @property
    def is_filmed(self) -> bool:
        """Whether every step and the end have a screenshot."""
        return self.ended is not None and self.ended.frame is not None and all(step.frame for step in self.steps)


def takes(run_dir: Path) -> list[Take]:
    """The measured (not trained on) episodes of a run that are filmed whole, in the order in which they began."""
    found: dict[str, Take] = {}
    for envelope in _envelopes(run_dir):
        event = envelope.event
        if isinstance(event, EpisodeStarted) and event.split != Split.TRAIN:
            found[event.episode_id] = Take(run_dir, event)
        elif isinstance(event, EpisodeStepTaken) and event.episode_id in found:
            found[event.episode_id].steps.append(event)
        elif isinstance(event, EpisodeEnded) and event.episode_id in found:
            found[event.episode_id].ended = event
    return [take for take in found.values() if take.is_filmed and take.steps]


def choose_pair(before: list[Take], after: list[Take], task_id: str | None = None) -> tuple[Take, Take]:
    """One task that was failed before and solved after; the one with the longest solution unless it is named.

    Raises:
        ArpoError: there is no such task on film.
    """
    if not before or not after:
        raise ArpoError("no measured episode has all its screenshots; measure with frames.sample_every=1")
    failed = {take.started.task_id: take for take in before if not take.solved}
    solved = {take.started.task_id: take for take in after if take.solved and not take.started.infeasible}
    both = [task for task in solved if task in failed and task_id in (None, task)]
    if not both:
        wanted = f"task {task_id}" if task_id else "any task"
        raise ArpoError(f"{wanted} was not failed before and solved after on film; name another task or other runs")
    best = max(both, key=lambda task: len(solved[task].steps))
    return failed[best], solved[best]


def film(pair: tuple[Take, Take], target: Path) -> FilmFacts:
    """Write the pair as an animated WebP; the shorter episode waits at its end."""
    sides = tuple(_side(take, who) for take, who in zip(pair, WHO, strict=True))
    target.parent.mkdir(parents=True, exist_ok=True)
    return make_film(Reel(instruction=pair[1].started.instruction, sides=sides), target, FilmKind.WEBP)


def _envelopes(run_dir: Path) -> Iterator[Envelope]:
    with (run_dir / "events.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            tree: dict[str, Any] = json.loads(line)
            if tree["event"]["kind"] in ("EpisodeStarted", "EpisodeStepTaken", "EpisodeEnded"):
                yield Envelope.model_validate(tree)


def _side(take: Take, who: str) -> Side:
    assert take.ended is not None
    assert take.ended.frame is not None
    shots = (
        _shot(take, step.frame, step.action, step.thought or step.problem or "") for step in take.steps if step.frame
    )
    return Side(
        who=who,
        shots=tuple(shots),
        final=_shot(take, take.ended.frame),
        outcome="solved" if take.solved else "not solved",
        tone="good" if take.solved else "bad",
        score=take.ended.score,
    )


def _shot(take: Take, frame: FrameRef, action: Action | None = None, thought: str = "") -> Shot:
    path = take.run_dir / "frames" / frame.sha256[:2] / f"{frame.sha256}.{frame.media_type.split('/')[1]}"
    return Shot(
        size=(frame.width, frame.height),
        picture=path.read_bytes,
        action=action,
        did=action_words(action.model_dump() if action else None),
        thought=thought,
    )

"""One task by two policies side by side, as a moving picture made from what their runs recorded.

Reads the spool and the frames of a run folder; knows no model and no desktop.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from arpo_engine.contract.actions import (
    Action,
    Click,
    Drag,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    Several,
    TypeText,
)
from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.events import Envelope, EpisodeEnded, EpisodeStarted, EpisodeStepTaken, FrameRef
from arpo_engine.contract.outcomes import Split

SCALE = 2
MARGIN = 12
HEAD = 44
FOOT = 30
STEP_MS = 1100
END_MS = 3200
WHO = ("before training", "after training")
PAPER, INK, MUTED = (247, 248, 250), (24, 28, 36), (92, 100, 114)
GOOD, BAD, RING = (0, 114, 80), (176, 58, 0), (213, 94, 0)


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


def film(pair: tuple[Take, Take], target: Path) -> None:
    """Write the pair as an animated WebP; the shorter episode waits at its end."""
    length = max(len(take.steps) for take in pair)
    pictures = [_sheet(pair, at) for at in range(length + 1)]
    target.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        target,
        save_all=True,
        append_images=pictures[1:],
        duration=[STEP_MS] * length + [END_MS],
        loop=0,
        quality=80,
        method=6,
    )


def _envelopes(run_dir: Path) -> Iterator[Envelope]:
    with (run_dir / "events.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            tree: dict[str, Any] = json.loads(line)
            if tree["event"]["kind"] in ("EpisodeStarted", "EpisodeStepTaken", "EpisodeEnded"):
                yield Envelope.model_validate(tree)


def _sheet(pair: tuple[Take, Take], at: int) -> Image.Image:
    panes = [_pane(take, who, at) for take, who in zip(pair, WHO, strict=True)]
    width, height = panes[0].size
    sheet = Image.new("RGB", (2 * width + 3 * MARGIN, HEAD + height + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 12), pair[1].started.instruction, fill=INK, font=_font(20))
    for number, pane in enumerate(panes):
        sheet.paste(pane, (MARGIN + number * (width + MARGIN), HEAD))
    return sheet


def _pane(take: Take, who: str, at: int) -> Image.Image:
    """The take at its `at`-th step: screenshot, what is done to it, and words below."""
    ended = at >= len(take.steps)
    frame = take.ended.frame if ended and take.ended else take.steps[min(at, len(take.steps) - 1)].frame
    assert frame is not None
    shot = _screenshot(take.run_dir, frame)
    pane = Image.new("RGB", (shot.width, shot.height + FOOT), PAPER)
    if not ended:
        _mark(ImageDraw.Draw(shot), take.steps[at].action)
    pane.paste(shot, (0, 0))
    draw = ImageDraw.Draw(pane)
    words, colour = _words(take, at, ended)
    draw.text((0, shot.height + 7), who, fill=MUTED, font=_font(15))
    draw.text(
        (shot.width - draw.textlength(words, font=_font(15)), shot.height + 7), words, fill=colour, font=_font(15)
    )
    return pane


def _words(take: Take, at: int, ended: bool) -> tuple[str, tuple[int, int, int]]:
    if not ended:
        step = take.steps[at]
        return step.thought or step.problem or "…", INK
    return ("solved", GOOD) if take.solved else ("not solved", BAD)


def _screenshot(run_dir: Path, frame: FrameRef) -> Image.Image:
    suffix = frame.media_type.split("/")[1]
    path = run_dir / "frames" / frame.sha256[:2] / f"{frame.sha256}.{suffix}"
    with Image.open(path) as image:
        return image.convert("RGB").resize((image.width * SCALE, image.height * SCALE), Image.Resampling.LANCZOS)


def _mark(draw: ImageDraw.ImageDraw, action: Action | None) -> None:
    """A ring where it clicks, an arrow where it drags, a label where it types."""
    match action:
        case Several(actions=actions):
            for one in actions:
                _mark(draw, one)
        case Click(x=x, y=y) | Scroll(x=x, y=y) | Move(x=x, y=y) | DragTo(x=x, y=y):
            _ring(draw, x, y)
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            _ring(draw, x, y)
            draw.line([(x * SCALE, y * SCALE), (to_x * SCALE, to_y * SCALE)], fill=RING, width=3)
        case TypeText(text=text):
            _label(draw, f"types {text!r}")
        case Hotkey(keys=keys):
            _label(draw, "presses " + " + ".join(keys))
        case Finished():
            _label(draw, "says it is done")
        case Fail():
            _label(draw, "says it cannot be done")
        case _:
            pass


def _ring(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    for radius, width in ((18, 4), (4, 4)):
        box = (x * SCALE - radius, y * SCALE - radius, x * SCALE + radius, y * SCALE + radius)
        draw.ellipse(box, outline=RING, width=width)


def _label(draw: ImageDraw.ImageDraw, words: str) -> None:
    font = _font(15)
    width = draw.textlength(words, font=font)
    draw.rounded_rectangle((8, 8, width + 24, 34), radius=6, fill=RING)
    draw.text((16, 12), words, fill=(255, 255, 255), font=font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)

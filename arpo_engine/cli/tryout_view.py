"""What somebody sees of a try-out who directs it from a shell: lines, and the newest screenshot as a file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from arpo_engine.contract.events import EpisodeEnded, EpisodeStarted, EpisodeStepTaken, Event, FrameRef
from arpo_engine.contract.reporting import EventSink, PassingSink, PixelArray
from arpo_engine.contract.tryouts import TryoutChanged

SCREEN = "screen.png"


class TryoutView(PassingSink):
    """Passes everything on and tells the person at the shell; results go to stdout."""

    def __init__(self, inner: EventSink, run_dir: Path, *, quiet: bool) -> None:
        super().__init__(inner)
        self._screen = run_dir / SCREEN
        self._quiet = quiet
        self._said = ""

    def emit(self, event: Event) -> None:
        """Pass the event on, and tell it."""
        super().emit(event)
        match event:
            case EpisodeStarted():
                self._say(f"{event.task_id}: {event.instruction}")
            case EpisodeStepTaken():
                self._say(_step(event))
            case EpisodeEnded():
                score = "no score" if event.score is None else f"score {event.score:g}"
                self._say(f"the episode is over ({event.ended_by.value.replace('_', ' ')}): {score}")
            case TryoutChanged():
                self._stands(event)

    def store_frame(self, pixels: PixelArray) -> FrameRef | None:
        """Pass the screenshot on; the newest one is always the same file."""
        height, width = pixels.shape[:2]
        image = Image.fromarray(np.frombuffer(pixels.tobytes(), dtype=np.uint8).reshape(height, width, 3))
        unfinished = self._screen.with_suffix(".new.png")
        try:
            image.save(unfinished, compress_level=1)
            unfinished.replace(self._screen)
        except OSError as error:
            self._say(f"{self._screen} cannot be written: {error.strerror}")
        return super().store_frame(pixels)

    def _stands(self, event: TryoutChanged) -> None:
        if event.refused:
            self._say(f"not done: {event.refused}")
        if event.state in ("holding", "over"):
            note = f" ({event.note})" if event.note else ""
            screen = f"; the screen is {self._screen}" if self._screen.exists() else ""
            self._once(f"{event.state}{note}{screen}")
        else:
            self._said = ""

    def _once(self, text: str) -> None:
        if text != self._said:
            self._say(text)
        self._said = text

    def _say(self, text: str) -> None:
        if not self._quiet:
            print(text, file=sys.stdout, flush=True)


def _step(event: EpisodeStepTaken) -> str:
    done = event.action.model_dump_json(exclude_defaults=True) if event.action else f"unreadable: {event.problem}"
    kind = f"{event.action.kind} " if event.action else ""
    who = event.by or "agent"
    thought = f"{event.thought} -> " if event.thought else ""
    return f"step {event.index}, {who}: {thought}{kind}{done}"

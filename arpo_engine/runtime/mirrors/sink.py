"""The sink that shows a run's numbers to trackers as they pass. Knows events and mirrors; knows no tracker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.records import MirrorKind
from arpo_engine.contract.events import Event, LogWritten, MetricsLogged, RunEnded, RunStarted
from arpo_engine.contract.outcomes import RunOutcome
from arpo_engine.contract.published_metrics import named
from arpo_engine.contract.reporting import EventSink, PassingSink
from arpo_engine.runtime.mirrors.base import FOLDER, Setting, TrackedRun
from arpo_engine.runtime.mirrors.mirror import Mirror, Tell
from arpo_engine.runtime.mirrors.registry import build_tracker

CLOSE_S = 30.0
"""Longest that the end of a run waits for all of its trackers together."""


def with_mirrors(inner: EventSink, config: RunConfig, run_dir: Path, *, say: Tell, quiet: bool) -> EventSink:
    """The sink, with the trackers of the config beside it where there are any; `quiet` leaves the console's out.

    `say` speaks to the person at the terminal; what it says becomes an event of the run as well.
    """
    kinds = tuple(kind for kind in config.records.mirrors if not (quiet and kind == "console"))
    return MirroringSink(inner, config, run_dir, kinds, say=say) if kinds else inner


class MirroringSink(PassingSink):
    """Passes everything on; numbers go to the mirrors too, which begin when the run has."""

    def __init__(
        self,
        inner: EventSink,
        config: RunConfig,
        run_dir: Path,
        kinds: Sequence[MirrorKind],
        *,
        say: Callable[[str], None],
    ) -> None:
        super().__init__(inner)
        self._config = config
        self._folder = run_dir / FOLDER
        self._kinds = kinds
        self._say = say
        self._mirrors: list[Mirror] = []
        self._outcome: RunOutcome | None = None

    def emit(self, event: Event) -> None:
        """Pass the event on, and its numbers to the mirrors."""
        super().emit(event)
        match event:
            case RunStarted() if not self._mirrors:
                self._begin(event.resumed_from_step)
            case MetricsLogged() if self._mirrors:
                numbers = named(event.values, self._config.records.metric_names, self._config.algorithm.kl.place)
                for mirror in self._mirrors if numbers else ():
                    mirror.log(event.step, numbers)
            case RunEnded():
                self._outcome = event.outcome

    def close(self) -> None:
        """Give the trackers a bounded time, then close what is inside; may be called twice."""
        mirrors, self._mirrors = self._mirrors, []
        for mirror in mirrors:
            mirror.end(self._outcome)
        deadline = time.monotonic() + CLOSE_S
        for mirror in mirrors:
            mirror.join(deadline)
        super().close()

    def _begin(self, resumed_from: int | None) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            self._tell(f"nothing is mirrored, because {self._folder} cannot be made: {error.strerror}")
            return
        records = self._config.records
        run = TrackedRun(
            folder=self._folder,
            project=records.project,
            name=records.run_name or self._config.title,
            settings=_flat(self._config.model_dump(mode="json")),
            kept=None,
            resumed_from=resumed_from,
        )
        self._mirrors = [Mirror(kind, partial(build_tracker, kind), run, self._tell) for kind in self._kinds]

    def _tell(self, message: str) -> None:
        self._inner.emit(LogWritten(level="warning", logger=__name__, message=message))
        self._say(message)


def _flat(tree: dict[str, object], prefix: str = "") -> dict[str, Setting]:
    """Settings by dotted names; a list is its text."""
    found: dict[str, Setting] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{name}."))
        else:
            plain = value is None or isinstance(value, str | int | float | bool)
            found[f"{prefix}{name}"] = value if plain else str(value)  # type: ignore[assignment]
    return found

"""Finished attempts on disk, one a line as they end, so that a stopped evaluation goes on where it was.

The first line says under which terms they were made (model, sampling, seed); attempts of other terms are never mixed.
A last line that was cut off by a crash is passed over and kept. Knows attempts; knows no desktops and no models.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import ConfigError
from arpo_engine.evaluation.attempts import Attempt
from arpo_engine.inference.base import Sampling

log = logging.getLogger(__name__)

Key = tuple[str, str, int]
"""(task id, task hash, slot): a task whose file was changed is another task."""
_FIELDS = {item.name for item in fields(Attempt)}


def key_of(attempt: Attempt) -> Key:
    """What makes two lines the same attempt."""
    return attempt.task_id, attempt.task_hash, attempt.slot


def terms_of(config: RunConfig, sampling: Sampling, *, max_steps: int | None, model_hash: str | None) -> dict[str, Any]:
    """What two attempts must share to be counted together; `max_steps` None: as many as a rollout."""
    return {
        "generator": config.generator.kind,
        "model": config.model_name,
        "model_hash": model_hash,
        "agent": config.agent.model_dump(mode="json"),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_new_tokens": sampling.max_new_tokens,
        "max_steps": max_steps or config.rollout.max_steps,
        "seed": config.seed,
    }


def set_aside(path: Path, attempt: int) -> None:
    """Begin anew: an earlier log is kept under a name that says before which attempt of the run it was made."""
    if path.is_file():
        path.rename(path.with_name(f"{path.stem}.before_{attempt}{path.suffix}"))


class AttemptLog:
    """The attempts of one measurement. One process writes it: the run folder's lock sees to that."""

    def __init__(self, path: Path, terms: Mapping[str, Any]) -> None:
        """Read what is there.

        Raises:
            ConfigError: the attempts there were made under other terms.
        """
        self._path = path
        self._terms: dict[str, Any] = json.loads(json.dumps(terms))
        self.attempts: dict[Key, Attempt] = {}
        """What was tried, the last outcome of each attempt."""
        self._whole = True
        if path.is_file() and path.stat().st_size:
            self._read()

    def finished(self, key: Key) -> Attempt | None:
        """The attempt, if it was scored; one that was lost to a fault is worth another try."""
        attempt = self.attempts.get(key)
        return attempt if attempt is not None and attempt.score is not None else None

    def add(self, attempt: Attempt) -> None:
        """Append an attempt; it is on the disk when this returns."""
        new = not self._path.is_file() or self._path.stat().st_size == 0
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            if new:
                file.write(json.dumps({"terms": self._terms}) + "\n")
            elif not self._whole:
                file.write("\n")
                self._whole = True
            file.write(json.dumps(asdict(attempt)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.attempts[key_of(attempt)] = attempt

    def _read(self) -> None:
        text = self._path.read_text(encoding="utf-8", errors="replace")
        self._whole = text.endswith("\n")
        first, *lines = text.splitlines()
        self._agree(first)
        for number, line in enumerate(lines, start=2):
            if not line:
                continue
            try:
                tree = json.loads(line)
                attempt = Attempt(**{name: value for name, value in tree.items() if name in _FIELDS})
            except (ValueError, TypeError, AttributeError):
                log.warning(
                    "line %d of %s is not whole and is passed over; that attempt runs again", number, self._path
                )
                continue
            self.attempts[key_of(attempt)] = attempt

    def _agree(self, first: str) -> None:
        try:
            terms = dict(json.loads(first)["terms"])
        except (ValueError, KeyError, TypeError):
            raise ConfigError(
                f"{self._path} does not begin with the terms of its attempts, so nobody knows what they measured; "
                "give another --run-dir, or move that file away"
            ) from None
        other = [name for name in self._terms if terms.get(name) != self._terms[name]]
        if other:
            name = other[0]
            raise ConfigError(
                f"{self._path} holds attempts that were made with {name} = {terms.get(name)!r}, and this run has "
                f"{self._terms[name]!r}; give another --run-dir, or set it as it was"
            )

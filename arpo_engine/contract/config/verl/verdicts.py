"""The four verdicts on a key, and the small vocabulary in which the rules are written. Knows no key by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from arpo_engine.contract.config.verl.layers import Origin, Setting


class Verdict(StrEnum):
    """What becomes of a key."""

    MAPPED = "mapped"
    """Means the same here, under another name."""
    ADAPTED = "adapted"
    """Done differently here; the note says how."""
    INERT = "inert in the original"
    """Had no effect in the published code, and has none here."""
    REFUSED = "refused"
    """Cannot be done here; the note says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, what it sets in our config, and its reason."""

    verdict: Verdict
    note: str = ""
    sets: Mapping[str, Any] = field(default_factory=dict)
    """Dotted settings of `RunConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of the key table."""

    key: str
    written: str
    value: Any
    origin: Origin
    verdict: Verdict
    note: str
    sets: Mapping[str, Any]


class Refusal(Exception):
    """A key's value cannot be used; the text gives the reason and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All settings of a run, as a rule sees them."""

    settings: Mapping[str, Setting]
    tasks: int | None
    """Tasks in the training list; None where they cannot be counted."""
    is_command: bool

    def get(self, key: str) -> Any:
        """A value, or None."""
        setting = self.settings.get(key)
        return setting.value if setting is not None else None

    def whole(self, key: str, least: int = 1) -> int:
        """A whole number of at least `least`, or a refusal."""
        value = self.get(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise Refusal(f"{_shown(value)} is not a whole number of {least} or more; write one")
        return value

    def number(self, key: str) -> float:
        """A number, or a refusal."""
        value = self.get(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Refusal(f"{_shown(value)} is not a number; write one")
        return float(value)

    def truth(self, key: str) -> bool:
        """True or false, or a refusal."""
        value = self.get(key)
        if not isinstance(value, bool):
            raise Refusal(f"{_shown(value)} is neither true nor false; write one of them")
        return value

    def one_of(self, key: str, choices: Mapping[str, Any]) -> Any:
        """What a word stands for, or a refusal that names the words."""
        value = self.get(key)
        if not isinstance(value, str) or value not in choices:
            raise Refusal(f"{_shown(value)} is not done here; use {', '.join(choices)}")
        return choices[value]


Rule = Callable[[Reading, str], Judgement]
"""Judges one key of a reading, or raises `Refusal`."""


def mapped(note: str = "", **sets: Any) -> Judgement:
    """The same under another name; `__` in a name stands for the dot."""
    return Judgement(verdict=Verdict.MAPPED, note=note, sets=_dotted(sets))


def adapted(note: str, **sets: Any) -> Judgement:
    """Done differently, in the way that the note says."""
    return Judgement(verdict=Verdict.ADAPTED, note=note, sets=_dotted(sets))


def inert(note: str) -> Judgement:
    """Without effect in the published code."""
    return Judgement(verdict=Verdict.INERT, note=note)


def never_read(note: str) -> Rule:
    """A key that the published code does not use, whatever its value."""
    return lambda reading, key: inert(note)


def done_by_itself(note: str) -> Rule:
    """A key that says how the work is laid out, which is decided differently here and changes no result."""
    return lambda reading, key: adapted(note)


def counted(note: str) -> Rule:
    """The same for a key that is a number of machines or processes, which the plan counts with."""

    def rule(reading: Reading, key: str) -> Judgement:
        reading.whole(key)
        return adapted(note)

    return rule


def number_to(path: str) -> Rule:
    """A number that is the same here under `path`."""
    return lambda reading, key: Judgement(verdict=Verdict.MAPPED, sets={path: reading.number(key)})


def whole_to(path: str, least: int = 1) -> Rule:
    """A whole number that is the same here under `path`."""
    return lambda reading, key: Judgement(verdict=Verdict.MAPPED, sets={path: reading.whole(key, least)})


def truth_to(path: str) -> Rule:
    """A switch that is the same here under `path`."""
    return lambda reading, key: Judgement(verdict=Verdict.MAPPED, sets={path: reading.truth(key)})


def only(accepted: Any, note: str, refusal: str) -> Rule:
    """One value is what is done here anyway; every other one is refused, with the cure."""

    def rule(reading: Reading, key: str) -> Judgement:
        value = reading.get(key)
        if value != accepted or isinstance(value, bool) != isinstance(accepted, bool):
            raise Refusal(f"{_shown(value)}: {refusal}")
        return adapted(note)

    return rule


def _dotted(sets: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("__", "."): value for name, value in sets.items()}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"

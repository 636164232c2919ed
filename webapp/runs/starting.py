"""When and how often a run of the form is started: at once, at a time, by a cron line; and its tries. Words in, data.

Knows no rows and no HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from webapp.runs.cron import CronError, parse_cron, zone_of
from webapp.runs.models import DEFAULT_ATTEMPTS

When = Literal["now", "once", "cron"]
WHENS: Final[tuple[tuple[When, str], ...]] = (
    ("now", "As soon as there is room"),
    ("once", "At a time"),
    ("cron", "Again and again"),
)
MOST_TRIES: Final = 20
LONGEST_WAIT: Final = timedelta(days=3660)
"""The calendar ends in the year 9999, and in some time zone earlier; nobody waits so long."""


@dataclass(slots=True, kw_only=True)
class Starting:
    """What the form says; what cannot be read is kept as it was typed, with a message."""

    when: When = "now"
    at_text: str = ""
    at: datetime | None = None
    cron: str = ""
    timezone: str = "UTC"
    tries_text: str = str(DEFAULT_ATTEMPTS)
    tries: int = DEFAULT_ATTEMPTS
    errors: dict[str, str] = field(default_factory=dict)

    def next_at(self, now: datetime) -> datetime | None:
        """When it starts first; None for at once."""
        if self.when == "once":
            return self.at
        return parse_cron(self.cron).next_after(now, zone_of(self.timezone)) if self.when == "cron" else None


def starting_of(cron: str, zone: str, next_at: datetime | None, tries: int) -> Starting:
    """What the form says of a schedule as it is kept; a time in its own zone."""
    try:
        local = next_at.astimezone(zone_of(zone)) if next_at is not None and not cron else None
    except CronError:  # a zone that this machine has no more: named when it is saved
        local = next_at
    return Starting(
        when="cron" if cron else "once",
        at_text=f"{local:%Y-%m-%dT%H:%M}" if local else "",
        at=next_at,
        cron=cron,
        timezone=zone,
        tries_text=str(tries),
        tries=tries,
    )


def read_starting(posted: Mapping[str, str], now: datetime) -> Starting:
    """Read the posted words."""
    word = posted.get("when", "now")
    found = Starting(
        when=next((when for when, _ in WHENS if when == word), "now"),
        at_text=posted.get("at", "").strip()[:40],
        cron=" ".join(posted.get("cron", "").split())[:100],
        timezone=posted.get("timezone", "").strip()[:64] or "UTC",
        tries_text=posted.get("tries", str(DEFAULT_ATTEMPTS)).strip()[:20],
    )
    _read_tries(found)
    if word not in dict(WHENS):
        found.errors["when"] = f"{word[:20]!r} is not known; choose one of the list"
    if found.when == "now":
        return found
    try:
        zone = zone_of(found.timezone)
    except CronError as error:
        found.errors["timezone"] = str(error)
        return found
    if found.when == "once":
        _read_at(found, zone, now)
    else:
        _read_cron(found, zone, now)
    return found


def _read_tries(found: Starting) -> None:
    text = found.tries_text
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_TRIES):
        found.errors["tries"] = f"{text!r} is not a number from 1 to {MOST_TRIES}; 1 means that nothing is tried again"
    else:
        found.tries = int(text)


def _read_at(found: Starting, zone: ZoneInfo, now: datetime) -> None:
    try:
        local = datetime.fromisoformat(found.at_text)
        found.at = (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        found.errors["at"] = f"{found.at_text!r} is no date with a time; write one such as 2026-05-01T02:00"
        return
    if found.at > now + LONGEST_WAIT:
        found.errors["at"] = f"{found.at:%Y-%m-%d} is too far away; choose a time within the next ten years"
    elif found.at <= now:
        found.errors["at"] = f"{found.at:%Y-%m-%d %H:%M} UTC is over; choose a time that is yet to come"


def _read_cron(found: Starting, zone: ZoneInfo, now: datetime) -> None:
    try:
        if parse_cron(found.cron).next_after(now, zone) is None:
            found.errors["cron"] = f"{found.cron!r} names a day that never comes; write another one"
    except CronError as error:
        found.errors["cron"] = str(error)

"""Cron lines: five fields in a time zone, and the next moment that they name. Knows no clock and no row.

As in crontab(5): minute, hour, day of the month, month, day of the week; `*`, lists, ranges, steps, and names of months
and days. If both days are narrowed, either of them is enough. Hours that a change of the clocks leaves out are made up
for right after it; hours that it repeats count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
LONGEST_WAIT: Final = timedelta(days=8 * 366)
"""29 February comes at least once in eight years; what does not come in that time never does."""
EXAMPLES: Final = "`0 2 * * *` is every day at 02:00, `30 6 * * mon-fri` weekdays at 06:30"


class CronError(ValueError):
    """A line or a time zone cannot be used; the text says why and what to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A line that was read."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Both days are narrowed, so that one of them is enough."""

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first moment after this one, in UTC; None: it never comes."""
        local = moment.astimezone(zone)
        day, last = local.date(), (local + LONGEST_WAIT).date()
        while day <= last:
            if self._on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        found = datetime.combine(day, time(hour, minute), tzinfo=zone).astimezone(UTC)
                        if found > moment:
                            return found
            day += timedelta(days=1)
        return None

    def missed_between(self, first: datetime, now: datetime, zone: ZoneInfo, most: int = 100) -> int:
        """How many of its moments lie after `first` and not after `now`; counted up to `most`."""
        count, moment = 0, self.next_after(first, zone)
        while moment is not None and moment <= now and count < most:
            count, moment = count + 1, self.next_after(moment, zone)
        return count

    def _on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_day or by_weekday) if self.either_day else (by_day and by_weekday)


def parse_cron(line: str) -> Cron:
    """Read a line of five fields.

    Raises:
        CronError: it has another number of fields, or one of them is out of range or no such thing.
    """
    words = line.lower().split()
    if len(words) != 5:
        raise CronError(f"{line[:60]!r} has {len(words)} fields; a cron line has five: {EXAMPLES}")
    minute, hour, day, month, weekday = words
    return Cron(
        minutes=_values(minute, 0, 59, "minute"),
        hours=_values(hour, 0, 23, "hour"),
        days=_values(day, 1, 31, "day of the month"),
        months=_values(month, 1, 12, "month", MONTHS, 1),
        weekdays=frozenset(one % 7 for one in _values(weekday, 0, 7, "day of the week", DAYS)),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
    )


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        CronError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(f"{name[:60]!r} is no time zone; write one such as Europe/Berlin or UTC") from None


def in_words(line: str) -> str:
    """The simple lines as a person says them, the others as they are."""
    try:
        cron = parse_cron(line)
    except CronError:
        return line
    if len(cron.minutes) == 1 and len(cron.hours) == 1:
        at = f"at {min(cron.hours):02d}:{min(cron.minutes):02d}"
        whole = len(cron.months) == 12 and not cron.either_day
        if whole and len(cron.days) == 31 and len(cron.weekdays) == 7:
            return f"every day {at}"
        if whole and len(cron.days) == 31:
            return f"{', '.join(DAYS[day].capitalize() for day in sorted(cron.weekdays))} {at}"
    return line


def _values(word: str, least: int, most: int, what: str, names: tuple[str, ...] = (), first: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step_word = part.partition("/")
        step = _whole(step_word, what) if slash else 1
        if span == "*":
            low, high = least, most
        else:
            begin, dash, end = span.partition("-")
            low = _named(begin, what, names, first)
            high = _named(end, what, names, first) if dash else (most if slash else low)
        if step < 1 or not least <= low <= high <= most:
            raise CronError(f"the {what} {part!r} is not between {least} and {most}; {EXAMPLES}")
        found.update(range(low, high + 1, step))
    return frozenset(found)


def _named(word: str, what: str, names: tuple[str, ...], first: int) -> int:
    return names.index(word) + first if word in names else _whole(word, what)


def _whole(word: str, what: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 4):
        raise CronError(f"the {what} {word[:20]!r} is no number; {EXAMPLES}")
    return int(word)

"""Cron lines in time zones: the next moment, changes of the clocks, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from webapp.runs.cron import CronError, in_words, parse_cron, zone_of

BERLIN, WORLD = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def after(line: str, moment: str, zone: ZoneInfo = WORLD) -> str | None:
    found = parse_cron(line).next_after(datetime.fromisoformat(moment).replace(tzinfo=UTC), zone)
    return f"{found:%Y-%m-%d %H:%M}" if found else None


@pytest.mark.parametrize(
    ("line", "moment", "expected"),
    [
        ("0 2 * * *", "2026-05-01T01:59", "2026-05-01 02:00"),
        ("0 2 * * *", "2026-05-01T02:00", "2026-05-02 02:00"),
        ("*/15 * * * *", "2026-05-01T10:46", "2026-05-01 11:00"),
        ("30 6 * * mon-fri", "2026-05-01T07:00", "2026-05-04 06:30"),
        ("0 0 1 jan *", "2026-05-01T00:00", "2027-01-01 00:00"),
        ("0 0 29 2 *", "2026-05-01T00:00", "2028-02-29 00:00"),
        ("0 0 31 2 *", "2026-05-01T00:00", None),
        ("0 0 * * 7", "2026-05-01T00:00", "2026-05-03 00:00"),
        ("0 0 13 * fri", "2026-05-01T00:00", "2026-05-08 00:00"),
        ("10-20/5,50 3 * * *", "2026-05-01T03:15", "2026-05-01 03:20"),
        ("10-20/5,50 3 * * *", "2026-05-01T03:20", "2026-05-01 03:50"),
    ],
)
def test_the_next_moment(line: str, moment: str, expected: str | None) -> None:
    assert after(line, moment) == expected


def test_two_in_the_morning_is_the_zones_own() -> None:
    assert after("0 2 * * *", "2026-01-10T00:30", BERLIN) == "2026-01-10 01:00"
    assert after("0 2 * * *", "2026-07-10T00:30", BERLIN) == "2026-07-11 00:00"


def test_an_hour_that_the_clocks_leave_out_is_made_up_for_and_one_that_they_repeat_counts_once() -> None:
    assert after("30 2 * * *", "2026-03-28T12:00", BERLIN) == "2026-03-29 01:30", "02:30 does not exist; it is 03:30"
    assert after("30 2 * * *", "2026-10-24T12:00", BERLIN) == "2026-10-25 00:30"
    assert after("30 2 * * *", "2026-10-25T00:30", BERLIN) == "2026-10-26 01:30"


def test_missed_moments_are_counted_up_to_a_bound() -> None:
    first, now = datetime(2026, 5, 1, 2, tzinfo=UTC), datetime(2026, 5, 4, 3, tzinfo=UTC)
    assert parse_cron("0 2 * * *").missed_between(first, now, WORLD) == 3
    assert parse_cron("* * * * *").missed_between(first, now, WORLD) == 100


@pytest.mark.parametrize(
    "line",
    ["", "0 2 * *", "60 2 * * *", "0 24 * * *", "0 2 0 * *", "0 2 * 13 *", "0 2 * * 8", "a 2 * * *", "*/0 * * * *",
     "5-1 * * * *", "1,,2 * * * *", "٣ 2 * * *", "0 2 * * *; rm -rf /", "99999999999999999999 2 * * *", "\x00 2 * * *"],
)  # fmt: skip
def test_what_is_no_cron_line_is_refused_with_an_example(line: str) -> None:
    with pytest.raises(CronError, match="every day at 02:00"):
        parse_cron(line)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../../etc/passwd", "/etc/passwd", "", "\x00", "x" * 500])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    with pytest.raises(CronError, match="is no time zone"):
        zone_of(name)


def test_simple_lines_are_said_in_words() -> None:
    assert in_words("0 2 * * *") == "every day at 02:00"
    assert in_words("30 6 * * mon-fri") == "Mon, Tue, Wed, Thu, Fri at 06:30"
    assert in_words("*/5 * * * *") == "*/5 * * * *"

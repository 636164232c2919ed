"""Which waiting run may start, what the others wait for, and when their turn may come: worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from webapp.runs.queueing.forecast import NEVER, UNKNOWN_ENDS, UNKNOWN_PAUSE, UNKNOWN_QUOTA, UnderWay, forecasts
from webapp.runs.queueing.rules import Account, Books, Verdict, Wait, Waiting, decide

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
REDS, BLUES = 1, 2


def waits(name: str, desktops: int = 4, team: int = REDS) -> Waiting:
    return Waiting(run_id=name, name=name, team=team, desktops=desktops)


def books(reds: Account | None = None, **console: int) -> Books:
    return Books(console=Account(**console), teams={REDS: reds} if reds else {})


def reasons(verdicts: list[Verdict]) -> list[str]:
    return [verdict.reason for verdict in verdicts]


def test_as_many_start_as_there_is_room_for() -> None:
    verdicts = decide([waits("A"), waits("B"), waits("C")], books(max_runs=2))
    assert [verdict.starts for verdict in verdicts] == [True, True, False]
    assert verdicts[2].reason == "2 runs are under way and 2 may be at once (ARPO_RUNS_AT_ONCE)"


def test_deciding_changes_no_books() -> None:
    kept = books(Account(max_runs=1), max_runs=5)
    assert decide([waits("A")], kept)[0].starts
    assert (kept.console.runs, kept.teams[REDS].runs) == (0, 0)


def test_what_a_large_run_waits_for_is_not_taken_by_runs_behind_it() -> None:
    queue = [waits("large", 16), waits("small", 1), waits("foreign", 1, BLUES)]
    large, small, foreign = decide(queue, books(max_desktops=25, desktops=16))
    assert large.reason == "needs 16 desktops, 9 free"
    assert small.reason == "behind large, which waits for 16 desktops"
    assert foreign.reason == "behind a run of another team, which waits for 16 desktops", (
        "its name is not theirs to know"
    )
    assert (large.wait, small.wait) == (Wait.ROOM, Wait.BEHIND)


def test_a_run_that_lacks_its_teams_share_holds_up_its_own_team_alone() -> None:
    queue = [waits("large", 16), waits("small", 1), waits("foreign", 1, BLUES)]
    large, small, foreign = decide(queue, books(Account(max_desktops=20, desktops=11)))
    assert large.reason == "quota: needs 16 desktops, 9 of the team's 20 free"
    assert small.wait is Wait.BEHIND and foreign.starts


def test_a_team_that_has_used_up_its_runs_or_hours_holds_up_nobody() -> None:
    queue = [waits("A"), waits("foreign", team=BLUES)]
    own, foreign = decide(queue, books(Account(max_runs=2, runs=2), max_runs=4))
    assert own.reason == "quota: 2 of 2 runs of the team" and foreign.starts
    own, foreign = decide(queue, books(Account(max_gpu_hours=100, gpu_hours=120.4)))
    assert own.reason == "quota: 120 of 100 GPU-hours of the last 30 days are used" and foreign.starts


def test_a_paused_queue_starts_nothing_of_its_team() -> None:
    own, foreign = decide(
        [waits("A"), waits("F", team=BLUES)], books(Account(paused="the team's queue is paused by Ann"))
    )
    assert (own.wait, own.reason) == (Wait.PAUSED, "the team's queue is paused by Ann") and foreign.starts


def test_what_can_never_start_says_so_with_the_cure_and_holds_up_nobody() -> None:
    huge, small = decide([waits("huge", 40), waits("small", 4)], books(Account(max_desktops=32)))
    assert huge.wait is Wait.NEVER and "needs 40 desktops and the team may have 32: clone it" in huge.reason
    assert small.starts
    (huge,) = decide([waits("huge", 1)], books(Account(max_desktops=0)))
    assert "needs 1 desktop and the team may have 0" in huge.reason
    (huge,) = decide([waits("huge", 40)], books(max_desktops=32))
    assert "ARPO_DESKTOPS_AT_ONCE" in huge.reason


def test_turns_come_as_others_end() -> None:
    under_way = [UnderWay(team=REDS, desktops=4, ends_at=NOW + timedelta(minutes=10))]
    queue = [waits("A"), waits("B"), waits("C")]
    found = forecasts(queue, books(max_runs=1, runs=1), under_way, {"A": 600.0, "B": None}, NOW)
    assert found["A"].at == NOW + timedelta(minutes=10)
    assert found["B"].at == NOW + timedelta(minutes=20)
    assert (found["C"].at, found["C"].unknown) == (None, UNKNOWN_ENDS), "nobody knows how long B takes"


def test_an_end_that_is_overdue_is_soon_and_never_in_the_past() -> None:
    under_way = [UnderWay(team=REDS, desktops=4, ends_at=NOW - timedelta(hours=1))]
    found = forecasts([waits("A")], books(max_runs=1, runs=1), under_way, {}, NOW)
    assert found["A"].at is not None and NOW <= found["A"].at <= NOW + timedelta(minutes=1)


def test_what_cannot_be_known_is_said_with_its_reason() -> None:
    paused = Account(paused="paused")
    assert forecasts([waits("A")], books(paused), [], {}, NOW)["A"].unknown == UNKNOWN_PAUSE
    spent = Account(max_gpu_hours=1, gpu_hours=2.0)
    assert forecasts([waits("A")], books(spent), [], {}, NOW)["A"].unknown == UNKNOWN_QUOTA
    assert forecasts([waits("A", 9)], books(max_desktops=4), [], {}, NOW)["A"].unknown == NEVER
    unknown = [UnderWay(team=REDS, desktops=4, ends_at=None)]
    assert forecasts([waits("A")], books(max_runs=1, runs=1), unknown, {}, NOW)["A"].unknown == UNKNOWN_ENDS


def test_a_queue_of_a_thousand_is_forecast_quickly_and_its_tail_not_guessed() -> None:
    queue = [waits(f"r{place}") for place in range(1000)]
    found = forecasts(queue, books(max_runs=1, runs=1), [], {}, NOW)
    assert len(found) == 1000 and found["r999"].unknown == "too many are before it"


def tries(name: str, team: int = REDS) -> Waiting:
    return Waiting(run_id=name, name=name, team=team, desktops=1, tryout=True)


def test_a_try_out_does_not_wait_for_a_training_but_for_another_try_out() -> None:
    busy = books(max_runs=1, runs=1, max_tryouts=1)
    first, training, second = decide([tries("first"), waits("training"), tries("second")], busy)
    assert first.starts
    assert training.reason == "1 run is under way and 1 may be at once (ARPO_RUNS_AT_ONCE)"
    assert second.reason == "1 try-out is under way and 1 may be at once (ARPO_TRYOUTS_AT_ONCE)"


def test_a_try_out_takes_no_place_of_a_run_and_keeps_to_its_teams_quota() -> None:
    assert decide([waits("training")], books(max_runs=1, max_tryouts=1, tryouts=1))[0].starts
    (held,) = decide([tries("held")], books(Account(max_runs=1, runs=1), max_tryouts=1))
    assert held.reason == "quota: 1 of 1 run of the team"


def test_the_turn_of_a_try_out_comes_when_another_one_ends_and_not_with_a_run() -> None:
    under_way = [
        UnderWay(team=REDS, desktops=4, ends_at=NOW + timedelta(minutes=5)),
        UnderWay(team=REDS, desktops=1, ends_at=NOW + timedelta(minutes=9), tryout=True),
    ]
    full = books(max_runs=1, runs=1, max_tryouts=1, tryouts=1, desktops=5)
    found = forecasts([tries("next"), waits("training")], full, under_way, {"next": None, "training": None}, NOW)
    assert found["next"].at == NOW + timedelta(minutes=9)
    assert found["training"].at == NOW + timedelta(minutes=5)

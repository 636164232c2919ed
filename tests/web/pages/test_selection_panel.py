"""The tasks that a run practises, as its page tells them: while they are tried, once they are chosen, and to whom."""

from __future__ import annotations

import re

from django.test import Client

from arpo_engine.contract import events as wire
from arpo_engine.contract.outcomes import Split
from arpo_engine.contract.selection import Choice, JudgedTask, Rule, Verdict
from tests.web.pages.factories import Engine, in_status, titled_run
from webapp.accounts.models import Team, User
from webapp.runs.models import Run, RunStatus

LEARNABLE = {"selection": {"kind": "learnable", "attempts": 16, "success_below": 0.75}}
RULE = Rule(attempts=16, success_above=0.0, success_below=0.75, least_scored=0.5, infeasible="same_rule")


def judged(name: str, successes: int, verdict: Verdict, *, faults: int = 0, infeasible: bool = False) -> JudgedTask:
    attempts = 16 - faults
    return JudgedTask(
        task_id=name, successes=successes, attempts=attempts, faults=faults, infeasible=infeasible, verdict=verdict
    )


TASKS = [
    judged("notes-<b>save</b>", 0, Verdict.NEVER_SOLVED),
    judged("files-rename", 5, Verdict.CHOSEN),
    judged("settings-dark", 16, Verdict.ALWAYS_SOLVED),
    judged("mail-send", 0, Verdict.NOT_MEASURED, faults=13),
    judged("mail-fly", 3, Verdict.CHOSEN, infeasible=True),
    judged("mail-read", 13, Verdict.TOO_OFTEN_SOLVED),
]


def choosing_run(runner: User, team: Team) -> tuple[Run, Engine]:
    run = titled_run(runner, team, "Choosing", tasks=LEARNABLE)
    engine = Engine(run)
    engine.start()
    return run, engine


def trying(done: int) -> wire.PhaseChanged:
    return wire.PhaseChanged(
        phase="selecting", detail=f"{done} of 96 tries of 6 tasks", done=done, total=96, eta_s=120.0
    )


def panel(client: Client, run: Run) -> str:
    return client.get(f"/runs/{run.pk}/selection/").content.decode()


def test_the_tries_are_counted_while_they_are_made(as_runner: Client, runner: User, team: Team) -> None:
    run, engine = choosing_run(runner, team)
    assert "No task has been tried yet" in panel(as_runner, run)
    engine.say(trying(0), trying(12))
    page = panel(as_runner, run)
    assert '<progress max="96" value="12"' in page
    assert "12 of 96 tries of 6 tasks. Left: <b data-until=" in page
    assert "solved at least once and in less than 75 % of its tries, tried 16 times" in page
    head = as_runner.get(f"/runs/{run.pk}/head/").content.decode()
    assert "12 of 96 tries of 6 tasks" in head


def test_a_run_that_ended_in_the_middle_says_what_becomes_of_the_rest(
    as_runner: Client, runner: User, team: Team
) -> None:
    run, engine = choosing_run(runner, team)
    engine.say(trying(12))
    in_status(run, RunStatus.STOPPED)
    page = panel(as_runner, run)
    assert "The rest is made when the run is resumed" in page
    assert "data-until" not in page


def test_every_task_has_its_tries_and_its_verdict_and_infeasible_ones_are_counted_apart(
    as_runner: Client, runner: User, team: Team
) -> None:
    run, engine = choosing_run(runner, team)
    engine.say(wire.TasksSelected(choice=Choice(rule=RULE, tasks=TASKS)))
    page = panel(as_runner, run)
    counts = re.findall(r"<b>(\d+)</b> ([a-z ]+)</span>", page)
    assert counts == [
        ("1", "chosen"), ("1", "never solved"), ("1", "too often solved"), ("1", "always solved"),
        ("1", "could not be measured"), ("1", "chosen"),
    ]  # fmt: skip
    assert page.index("infeasible ones, apart") > page.index("could not be measured")
    names = re.findall(r"split=selection\">([^<]+)</a>", page)
    assert names[:2] == ["files-rename", "mail-fly"]
    assert "31.2 % (5/16)" in page
    assert "0.0 % (0/3)" in page
    assert '<td class="num" data-label="faults">13</td>' in page
    assert "notes-&lt;b&gt;save" in page
    assert "<details open" in page
    timeline = as_runner.get(f"/runs/{run.pk}/timeline/").content.decode()
    assert "2 of 6 training tasks are practised, chosen by 16 tries of each" in timeline


def test_a_long_list_is_folded(as_runner: Client, runner: User, team: Team) -> None:
    run, engine = choosing_run(runner, team)
    many = [judged(f"task-{number}", 4, Verdict.CHOSEN) for number in range(40)]
    engine.say(wire.TasksSelected(choice=Choice(rule=RULE, tasks=many), kept=True))
    page = panel(as_runner, run)
    assert "<details id=" in page
    assert "Every task with its tries (40)" in page
    assert "made by an earlier attempt" in page


def test_the_tries_of_a_task_are_episodes_of_their_own(as_runner: Client, runner: User, team: Team) -> None:
    run, engine = choosing_run(runner, team)
    engine.episode("a1-s0-selection-t0-r0", "files-rename", 0, 1.0, split=Split.SELECTION)
    engine.episode("a1-s1-g0-r0", "files-rename", 1, 1.0)
    engine.deliver()
    page = as_runner.get(f"/runs/{run.pk}/episodes/?task=files-rename&split=selection").content.decode()
    assert "a1-s0-selection-t0-r0" in page
    assert "a1-s1-g0-r0" not in page


def test_strangers_see_nothing_and_a_run_without_a_choice_has_no_panel(
    as_runner: Client, as_stranger: Client, runner: User, team: Team, rich: Run
) -> None:
    run, _ = choosing_run(runner, team)
    assert "Tasks to practise" in as_runner.get(f"/runs/{run.pk}/").content.decode()
    assert as_stranger.get(f"/runs/{run.pk}/selection/").status_code == 404
    assert "Tasks to practise" not in as_runner.get(f"/runs/{rich.pk}/").content.decode()


def test_the_curriculum_has_charts_where_there_is_one(as_runner: Client, runner: User, team: Team, rich: Run) -> None:
    with_one = titled_run(runner, team, "Curriculum", tasks={"order": {"kind": "success_rate"}})
    assert "chart=curriculum" in as_runner.get(f"/runs/{with_one.pk}/charts/").content.decode()
    assert "chart=curriculum" not in as_runner.get(f"/runs/{rich.pk}/charts/").content.decode()

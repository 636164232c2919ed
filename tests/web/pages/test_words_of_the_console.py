"""Numbers, times, differences, form sections and timeline lines, without any page around them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from arpo_engine.contract.action_words import action_words
from webapp.episodes.words import action_icon
from webapp.figure_style import run_colour
from webapp.runs.config_tree import differences, flatten, set_path
from webapp.runs.rates import Rate
from webapp.runs.schema_form import form_fields, form_sections
from webapp.runs.templatetags.console import ago, duration, number, signed, sparkline, with_code
from webapp.runs.timeline import describe


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0, "0 s"), (59.6, "1 m 00 s"), (750, "12 m 30 s"), (3840, "1 h 04 m"), (90_000, "1 d 01 h")],
)
def test_durations_are_said_as_people_say_them(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_percentage_never_stands_without_its_denominator() -> None:
    assert Rate(successes=27, attempts=72).text == "37.5 % (27/72)"
    assert Rate(successes=0, attempts=0).text == "–"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (float("nan"), "–"), (0.0, "0"), (0.00025, "2.50e-04"), (3.14159, "3.142"), (12345.6, "12346")],
)
def test_numbers_have_three_to_four_digits(value: float | None, words: str) -> None:
    assert number(value) == words


def test_differences_are_signed() -> None:
    assert (signed(0.5), signed(-0.5), signed(0.0)) == ("+0.5", "−0.5", "0")


def test_a_runs_colour_is_its_own_for_good() -> None:
    assert run_colour("h0y41tfx1yx6") == run_colour("h0y41tfx1yx6")


def test_a_curve_of_one_point_is_no_curve() -> None:
    assert "<polyline" not in sparkline([0.5])
    assert "<polyline" in sparkline([0.1, None, 0.4])
    assert "from 10% to 40%" in sparkline([0.1, None, 0.4])


def test_code_in_a_docstring_is_code_and_everything_else_is_text() -> None:
    assert with_code("use `a<b>` & c") == "use <code>a&lt;b&gt;</code> &amp; c"


def test_differences_leave_titles_out_and_name_what_one_side_lacks() -> None:
    before = {"title": "a", "rollout": {"group_size": 8}, "algorithm": {"replay": {"enabled": True}}}
    after = {"title": "b", "rollout": {"group_size": 16}, "algorithm": {"kind": "grpo"}}
    found = {one.path: (one.before, one.after) for one in differences(before, after)}
    assert found == {
        "rollout.group_size": ("8", "16"),
        "algorithm.kind": ("not there", "grpo"),
        "algorithm.replay.enabled": ("on", "not there"),
    }


def test_flat_settings_make_the_same_tree_again() -> None:
    tree = {"a": {"b": 1, "c": {"d": None}}, "e": [1, 2]}
    rebuilt: dict[str, object] = {}
    for path, value in flatten(tree).items():
        set_path(rebuilt, path, value)
    assert rebuilt == tree


def test_units_and_ranges_come_from_the_config_itself() -> None:
    fields = form_fields()
    assert fields["rollout.episode_timeout_s"].unit == "seconds"
    assert fields["rollout.episode_timeout_s"].label == "Episode timeout"
    assert fields["rollout.group_size"].hint == "at least 2"
    assert fields["limits.minutes"].optional
    assert fields["algorithm.replay.enabled"].condition is not None
    assert fields["algorithm.epochs"].condition is None
    assert fields["optimizer.lr"].label == "Learning rate"


def test_what_most_people_change_comes_first() -> None:
    folded = [section.folded for section in form_sections()]
    assert folded == sorted(folded)
    assert form_sections()[0].fields[0].path == "title"


def test_an_event_of_a_newer_engine_is_shown_by_its_name() -> None:
    assert describe("SomethingNew", {}).text == "SomethingNew"


def test_a_time_is_given_to_the_page_in_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert 'datetime="2026-01-02T03:04:05+00:00"' in ago(moment)
    assert "2026-01-02 03:04 UTC" in ago(moment)


def test_several_actions_of_a_reply_are_said_one_after_the_other() -> None:
    actions = [{"kind": "move", "x": 1, "y": 2}, {"kind": "drag_to", "x": 3, "y": 4}, {"kind": "finished"}]
    assert action_words({"kind": "several", "actions": actions}) == "move to 1, 2, then drag to 3, 4, then finished"
    assert action_icon({"kind": "several", "actions": actions}) == action_icon(actions[0]) == "click"


def test_every_section_but_the_runs_own_says_what_it_is_for() -> None:
    assert [section.name for section in form_sections() if not section.help] == ["run"]


def test_abbreviations_of_the_config_are_written_out_on_the_page() -> None:
    labels = {field.path: field.label for field in form_fields().values()}
    assert labels["algorithm.kl.place"] == "KL distance · place"
    assert labels["algorithm.kl.coef"] == "KL distance · coefficient"
    assert labels["optimizer.lr"] == "Learning rate"
    short = {"Kl", "Lr", "Std", "Eps", "Coef"}
    assert [label for label in labels.values() if short & set(label.replace("·", " ").split())] == []

"""Box tokens round places, against what the published code made of every recorded reply."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arpo_engine.agents.box_tokens import with_box_tokens

CASES = json.loads((Path(__file__).parents[2] / "data" / "uitars_cases.json").read_text(encoding="utf-8"))
RECORDED = [case for case in CASES if case.get("arpo_add_box_token") is not None]


@pytest.mark.parametrize("case", RECORDED, ids=[case["name"] for case in RECORDED])
def test_a_reply_gets_the_tokens_that_the_published_code_writes(case: dict):
    assert with_box_tokens(case["input"]) == case["arpo_add_box_token"]


def test_enough_was_recorded_and_much_of_it_has_places():
    assert len(RECORDED) > 40
    assert sum("<|box_start|>" in case["arpo_add_box_token"] for case in RECORDED) > 10


def test_every_action_is_stripped_and_the_words_between_are_kept_apart_by_an_empty_line():
    twice = "Thought: a\nAction:  click(start_box='(1,2)')\nAction: drag(start_box='(1,2)', end_box='(3, 4)') "
    assert with_box_tokens(twice) == (
        "Thought: a\nAction: click(start_box='<|box_start|>(1,2)<|box_end|>')\n\n"
        "drag(start_box='<|box_start|>(1,2)<|box_end|>', end_box='(3, 4)')"
    )


@pytest.mark.parametrize("text", ["", "Action: wait()", "start_box='(1,2)'", "Action:click(start_box='(1,2)')"])
def test_without_an_action_line_and_a_place_nothing_changes(text: str):
    assert with_box_tokens(text) == text

"""Numbers with their nouns: one task, two tasks, and no task without its s."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from webapp.counted import counted

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
NUMBER = r"[\w.]+(?:\|length|\.count|_count|\.tries|\.total|\.tokens|\.size)"
COUNT = re.compile(rf"\{{\{{ {NUMBER} \}}\}}(?:</b>)? [a-z-]+s\b(?!\{{)")
NEVER_ONE = {
    "{{ chosen.runs|length }} runs": "two or more are compared; the matrix says it when there are more than twenty",
    "{{ groups.groups|length }} groups": "said when there are more than a hundred",
    "{{ hosts|length }} machines": "said when there are several",
    "{{ form.runs_count }} runs": "a sweep has two or more",
    "{{ one.group.members.count }} tries": "a group has two or more members",
    "{{ fleet.total }} desktops": "none of them: it reads as a whole",
}
"""Counts whose noun needs no other form, each with why."""


@pytest.mark.parametrize(("number", "words"), [(0, "0 tries"), (1, "1 try"), (2, "2 tries")])
def test_a_number_takes_its_noun_in_the_right_form(number: int, words: str) -> None:
    assert counted(number, "try", "tries") == words


def test_an_s_is_enough_for_most_nouns() -> None:
    assert [counted(number, "task") for number in (1, 15)] == ["1 task", "15 tasks"]


def test_no_template_counts_one_of_several() -> None:
    said = {
        found
        for path in TEMPLATES.rglob("*.html")
        for found in COUNT.findall(path.read_text(encoding="utf-8"))
        if found not in NEVER_ONE
    }
    assert not said, f"give these a plural form with pluralize, or say why they are never one: {said}"

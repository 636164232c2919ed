"""`conformance`: a line for each case, counts, the exit code, and files that hold no cases."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from arpo_engine.cli.commands import main

FILE = Path(__file__).parents[2] / "data" / "uitars_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[str], str]:
    code = main(["conformance", *words])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def test_each_case_has_a_line_and_each_rule_a_count(capsys: pytest.CaptureFixture[str]):
    code, lines, _ = run(capsys, "agents", str(FILE))
    assert code == 0
    assert lines[:5] == [
        "click_basic  match",
        "click_bottom_right_beyond_resized  match",
        "click_box4  match",
        "click_spaces_in_box  match",
        "click_out_of_range  deviation: off_the_screen",
    ]
    assert lines[45:48] == ["", "45 cases: 32 match, 13 deviate, 0 MISMATCH", "  half_a_drag: 1"]


def test_a_mismatch_says_what_differs_and_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    wrong = copy.deepcopy(CASES[0])
    wrong["reference_pyautogui"][0] = wrong["reference_pyautogui"][0].replace("954.037", "954.038")
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"cases": [wrong, CASES[1]]}), encoding="utf-8")
    code, lines, _ = run(capsys, "agents", str(file), "--quiet")
    assert code == 1
    assert lines[0].startswith("click_basic  MISMATCH  ")
    assert "954.038" in lines[0]
    assert lines[-1] == "2 cases: 1 match, 0 deviate, 1 MISMATCH"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not json", "cannot be read as JSON"),
        ("[" * 100_000, "cannot be read as JSON"),
        ("[]", "holds no cases"),
        ('{"tests": [1]}', "holds no cases"),
        ("[1]", "case 1 of"),
        ('[{"input": "x"}]', "it must be a str"),
    ],
)
def test_a_file_that_holds_no_cases_is_refused(
    text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "cases.json"
    file.write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "agents", str(file))
    assert code == 2
    assert sentence in err


def test_a_file_that_is_not_there_and_a_suite_that_is_none_are_refused(capsys: pytest.CaptureFixture[str]):
    assert run(capsys, "agents", "nowhere.json")[0] == 2
    with pytest.raises(SystemExit):
        main(["conformance", "poetry", str(FILE)])

"""The size at which the policy sees a screenshot: what the published code has in its text, and what somebody wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl import Verdict, import_verl, write_verl
from arpo_engine.contract.config.verl.implied import SEEN_PIXELS
from arpo_engine.contract.resize import PixelLimits, smart_resize
from tests.contract.verl.scripts import FULL128, REPLICA, SUBSET32, finding, with_words

MOST, LEAST = "data.max_pixels", "data.min_pixels"
WITHOUT = SUBSET32.replace("data.max_pixels=2116800 data.min_pixels=256", "")


@pytest.mark.parametrize("text", [SUBSET32, FULL128], ids=["subset32", "full128"])
def test_the_published_runs_show_the_policy_what_they_showed_it(text: str) -> None:
    imported = import_verl(text)
    row = finding(imported, MOST)
    assert (row.verdict, dict(row.sets)) == (Verdict.MAPPED, {"model.max_pixels": SEEN_PIXELS})
    config = imported.ready()
    assert config.model.max_pixels == SEEN_PIXELS
    assert smart_resize(1920, 1080, PixelLimits(max_pixels=SEEN_PIXELS)) == (1932, 1092)


@pytest.mark.parametrize("text", [WITHOUT, REPLICA], ids=["the base config's", "a command of its own"])
def test_a_number_that_nobody_wrote_for_arpo_gives_way_to_the_one_in_its_code(text: str) -> None:
    imported = import_verl(text)
    row = finding(imported, MOST)
    assert (row.verdict, row.value, dict(row.sets)) == (Verdict.INERT, 4_194_304, {})
    assert "2116800 stands in the code" in row.note
    assert imported.tree["model"]["max_pixels"] == SEEN_PIXELS


def test_somebodys_own_number_holds_here_and_that_it_did_not_there_is_said() -> None:
    imported = with_words(f"{MOST}=1003520")
    row = finding(imported, MOST)
    assert row.verdict is Verdict.ADAPTED
    assert "never read there, where 2116800 stands in the code" in row.note
    assert imported.ready().model.max_pixels == 1_003_520


@pytest.mark.parametrize("value", ["0", "783", "many", "1e999"])
def test_what_is_no_size_is_refused(value: str) -> None:
    (row,) = with_words(f"{MOST}={value}").refused
    assert row.written == MOST and "784 or more" in row.note


def test_the_least_size_has_no_effect_there_and_none_here() -> None:
    row = finding(import_verl(SUBSET32), LEAST)
    assert (row.verdict, row.value, dict(row.sets)) == (Verdict.INERT, 256, {})
    assert with_words(f"{LEAST}=few").refused


def test_a_number_goes_there_and_back_and_what_it_does_there_is_said() -> None:
    changed = with_words("model.max_pixels=602112").ready()
    written = write_verl(changed, imported=import_verl(SUBSET32))
    assert dict(written.words)[MOST] == 602_112
    assert import_verl(written.command()).ready().model.max_pixels == 602_112
    assert any(line.startswith("model.max_pixels=602112: ARPO does not read") for line in written.left_out)


def test_a_model_that_is_shown_all_it_can_see_is_named_as_what_the_trainer_has_no_word_for() -> None:
    written = write_verl(load_config(Path("configs/pocket_demo.yaml")))
    assert MOST not in dict(written.words)
    assert "model.max_pixels=None: 2116800 stands in the code there" in written.left_out

"""What people may say to a try-out: each direction crosses the wire, and what no hand would do is refused in words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from arpo_engine.contract.actions import Click, Drag, Several, TypeText
from arpo_engine.contract.config import parse_config
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.events import IngestAnswer
from arpo_engine.contract.tryouts import (
    Act,
    Direction,
    Finish,
    Go,
    Hold,
    Instruct,
    OneStep,
    Restart,
    TryoutChanged,
    on_screen,
)

SAID = [
    Hold(number=1, by="anna"),
    Go(number=2, by="anna"),
    OneStep(number=3, by="anna"),
    Act(number=4, by="anna", action=TypeText(text="Grüße, 世界 🎉\n")),
    Act(number=5, by="anna", action=Several(actions=(Click(x=1, y=2), TypeText(text="a")))),
    Instruct(number=6, by="anna", text="Öffne die Datei 世界"),
    Restart(number=7, by="anna", task="t", instruction=""),
    Finish(number=8, by="anna"),
]
DIRECTION: TypeAdapter[Direction] = TypeAdapter(Direction)


def test_every_direction_crosses_the_wire() -> None:
    answer = IngestAnswer(directive="run", last_seq=0, directions=SAID)
    assert IngestAnswer.model_validate_json(answer.model_dump_json()).directions == SAID


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 81, "a b"])
def test_an_episode_that_no_address_could_hold_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="can stand in an address"):
        TryoutChanged(state="holding", episode_id=name)


def test_an_older_console_says_nothing() -> None:
    assert IngestAnswer.model_validate({"directive": "run", "last_seq": 0}).directions == []


def act(**action: Any) -> str:
    return json.dumps({"kind": "act", "number": 1, "by": "anna", "action": action})


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (act(kind="click", x=10**12, y=1), "farther than 100000 pixels"),
        (act(kind="drag", x=1, y=1, to_x=1, to_y=-200_000), "farther than 100000 pixels"),
        (act(kind="click", x=1, y=1, count=9), "less than or equal to 3"),
        (act(kind="click", x=1, y=1, button="paw"), "'left', 'middle' or 'right'"),
        (act(kind="type", text="x" * 100_000), "100000 characters to type; give at most 2000"),
        (act(kind="type", text=""), "nothing to type"),
        (act(kind="type", text="a\x00b"), "U+0000"),
        (act(kind="hotkey", keys=[]), "at least 1 item"),
        (act(kind="hotkey", keys=[""]), "is no key"),
        (act(kind="hotkey", keys=["k" * 10_000]), "is no key"),
        (act(kind="hotkey", keys=["a"] * 50), "50 keys at once"),
        (act(kind="scroll", x=1, y=1, direction="down", clicks=10**9), "give at most 100"),
        (act(kind="wait", seconds=1e9), "give at most 30"),
        (act(kind="wait", seconds=-1), "greater than or equal to 0"),
        (act(kind="several", actions=[{"kind": "wait"}] * 500), "500 actions at once"),
        (act(kind="several", actions=[{"kind": "wait"}, {"kind": "type", "text": "x" * 3000}]), "3000 characters"),
        (act(kind="shell", command="rm -rf /"), "does not match any of the expected tags"),
        ('{"kind": "instruct", "number": 1, "text": "  "}', "at least 1 character"),
        (json.dumps({"kind": "instruct", "number": 1, "text": "y" * 100_000}), "at most 2000 characters"),
        (json.dumps({"kind": "restart", "number": 1, "instruction": "a\x1bb"}), "U+001B"),
        ('{"kind": "go", "number": 0}', "greater than or equal to 1"),
        ('{"kind": "dance", "number": 1}', "does not match any of the expected tags"),
    ],
)
def test_what_no_hand_would_do_is_refused_with_what_is_wrong(raw: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why.replace("+", r"\+")):
        DIRECTION.validate_json(raw)


def test_a_number_that_is_none_is_no_wait() -> None:
    with pytest.raises(ValidationError):
        DIRECTION.validate_json(act(kind="wait", seconds=0).replace("0}", "NaN}"))


def test_places_are_brought_onto_the_screen_and_the_rest_is_left_as_it_is() -> None:
    assert on_screen(Click(x=-3, y=500, button="right"), (200, 100)) == Click(x=0, y=99, button="right")
    assert on_screen(Drag(x=5, y=5, to_x=999, to_y=-1), (200, 100)) == Drag(x=5, y=5, to_x=199, to_y=0)
    assert on_screen(TypeText(text="a"), (200, 100)) == TypeText(text="a")
    several = Several(actions=(Click(x=300, y=1), TypeText(text="a")))
    assert on_screen(several, (200, 100)) == Several(actions=(Click(x=199, y=1), TypeText(text="a")))


def test_a_stored_config_knows_nothing_of_try_outs_and_still_loads() -> None:
    stored = parse_config({}).model_dump(mode="json")
    del stored["tryout"]
    assert parse_config(stored) == parse_config({})


def test_a_try_out_may_ask_a_server_that_could_not_be_trained_with() -> None:
    config = parse_config({"kind": "try", "generator": {"kind": "openai"}, "tryout": {"instruction": "Open Mail"}})
    assert (config.tryout.begin, config.tryout.idle_s) == ("hold", 600.0)


def test_more_steps_than_screenshots_fit_is_a_contradiction_of_a_try_out_too() -> None:
    with pytest.raises(ConfigError, match=r"tryout\.max_steps = 400"):
        parse_config({"kind": "try", "tryout": {"max_steps": 400}})

"""What a desktop's server may answer, and what it is called then. The servers here are simulated."""

from __future__ import annotations

import ast
import io
import json

import numpy as np
import pytest
from PIL import Image

from arpo_engine.contract.actions import (
    Click,
    Drag,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    SingleAction,
    TypeText,
    Wait,
)
from arpo_engine.contract.errors import DesktopLost, DesktopStuck
from arpo_engine.desktops.desktop_client import ActionRefused, DesktopClient
from arpo_engine.desktops.pyautogui_code import pyautogui_code
from tests.engine.desktops.simulated_server import Answer, never, simulated

SCREEN = (640, 480)


def raw(width: int, height: int, content: bytes) -> Answer:
    return 200, {"X-Width": str(width), "X-Height": str(height)}, content


def test_a_raw_screenshot_is_read_as_it_was_sent():
    content = bytes(range(24))
    with simulated(lambda *_: raw(4, 2, content)) as machine:
        assert np.array_equal(DesktopClient(machine, 5).look(), np.frombuffer(content, np.uint8).reshape(2, 4, 3))


def test_a_server_that_knows_no_typed_actions_is_asked_for_png():
    written = io.BytesIO()
    Image.new("RGB", (5, 3), (200, 10, 20)).save(written, "PNG")
    with simulated(lambda *_: (200, {}, written.getvalue()), typed=False) as machine:
        assert DesktopClient(machine, 5).look().shape == (3, 5, 3)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}, b'{"message": "out of memory"}'), "500: out of memory"),
        ((200, {}, b"hello"), r"5 bytes as \? x \? pixels"),
        (raw(4, 2, b"short"), "5 bytes as 4 x 2 pixels"),
        ((200, {"X-Width": "-4", "X-Height": "2"}, b"x" * 24), "-4 x 2"),
        (None, "broke off GET /screenshot"),
    ],
    ids=["inner error", "no size", "torn", "negative", "cut"],
)
def test_a_screenshot_that_is_none_is_a_lost_desktop(answer: Answer | None, words: str):
    with simulated(lambda *_: answer) as machine, pytest.raises(DesktopLost, match=words):
        DesktopClient(machine, 5).look()


def test_a_png_that_is_garbage_is_a_lost_desktop():
    with (
        simulated(lambda *_: (200, {}, b"\x89PNG but not really"), typed=False) as machine,
        pytest.raises(DesktopLost, match="no picture"),
    ):
        DesktopClient(machine, 5).look()


def test_an_answer_that_does_not_come_is_a_stuck_desktop():
    def late(*_: object) -> None:
        never(1.5)

    with simulated(late) as machine, pytest.raises(DesktopStuck, match=r"within 0\.3 s"):
        DesktopClient(machine, 0.3).look()


def test_a_machine_that_has_ended_is_named_with_its_reason():
    with simulated(lambda *_: None) as machine:
        machine.reason = "its first process ended with 137"
        with pytest.raises(DesktopLost, match="ended with 137"):
            DesktopClient(machine, 5).look()


def test_nobody_at_the_address_is_a_lost_desktop():
    with simulated(lambda *_: None) as machine:
        pass
    with pytest.raises(DesktopLost, match="ConnectionRefusedError"):
        DesktopClient(machine, 5).look()


def test_an_action_is_sent_again_under_the_same_id_after_a_break():
    seen: list[str] = []

    def script(_method: str, _path: str, _body: bytes, headers: dict[str, str]) -> Answer | None:
        seen.append(headers["X-Request-Id"])
        return None if len(seen) == 1 else (200, {}, b"{}")

    with simulated(script) as machine:
        DesktopClient(machine, 5).act(Click(x=1, y=1), SCREEN)
    assert len(seen) == 2 and len(set(seen)) == 1


def test_long_text_is_typed_in_pieces_in_its_order():
    seen: list[str] = []

    def script(_method: str, _path: str, body: bytes, _headers: dict[str, str]) -> Answer:
        seen.append(json.loads(body)["text"])
        return 200, {}, b"{}"

    text = "".join(chr(0x61 + number % 26) for number in range(1203))
    with simulated(script) as machine:
        DesktopClient(machine, 5).act(TypeText(text=text), SCREEN)
    assert "".join(seen) == text and max(map(len, seen)) <= 500


def test_pyautogui_code_is_never_sent_twice():
    seen: list[bytes] = []

    def script(_method: str, _path: str, body: bytes, _headers: dict[str, str]) -> Answer | None:
        seen.append(body)
        return None

    with simulated(script, typed=False) as machine, pytest.raises(DesktopLost):
        DesktopClient(machine, 5).act(Click(x=1, y=1), SCREEN)
    assert len(seen) == 1


def test_a_refused_action_is_no_lost_desktop():
    with (
        simulated(lambda *_: (422, {}, json.dumps({"message": "there is no key 'hyper'"}).encode())) as machine,
        pytest.raises(ActionRefused, match="hyper"),
    ):
        DesktopClient(machine, 5).act(Hotkey(keys=("hyper",)), SCREEN)


def test_pyautogui_that_fails_is_reported():
    answer = {"status": "success", "output": "", "error": "SyntaxError: invalid syntax", "returncode": 1}
    with (
        simulated(lambda *_: (200, {}, json.dumps(answer).encode()), typed=False) as machine,
        pytest.raises(ActionRefused, match="SyntaxError"),
    ):
        DesktopClient(machine, 5).act(Click(x=1, y=1), SCREEN)


@pytest.mark.parametrize("content", [b"<html>", b"[1, 2]", b'"text"'])
def test_an_answer_that_is_no_object_is_a_lost_desktop(content: bytes):
    with simulated(lambda *_: (200, {}, content)) as machine, pytest.raises(DesktopLost, match="/execute with"):
        DesktopClient(machine, 5).post("/execute", {"command": "ls"})


# -- code for OSWorld's own server -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action",
    [
        Click(x=3, y=4, count=2),
        Move(x=3, y=4),
        Drag(x=3, y=4, to_x=5, to_y=6),
        DragTo(x=3, y=4),
        Scroll(x=3, y=4, direction="left", clicks=2),
        TypeText(text="'); import os; os.system('rm -rf ~') #"),
        TypeText(text="a\nb\\n\t\"''' {x} <b> </b>"),
        TypeText(text="née\n漢字 '''"),
        Hotkey(keys=("ctrl", "'); print('x")),
    ],
    ids=lambda action: action.kind,
)
def test_every_action_becomes_code_in_which_all_text_is_a_literal(action: SingleAction):
    code = pyautogui_code(action, SCREEN)
    assert code is not None
    called = {ast.unparse(node.func) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)}
    allowed = {"pyperclip.copy", "time.sleep", "enumerate"}
    assert {name for name in called if not name.startswith("pyautogui.")} <= allowed


@pytest.mark.parametrize(("x", "y", "place"), [(-5, 10**6, "0, 479"), (640, 480, "639, 479"), (7, 8, "7, 8")])
def test_places_outside_the_screen_are_brought_onto_it(x: int, y: int, place: str):
    code = pyautogui_code(Move(x=x, y=y), SCREEN)
    assert code is not None and f"moveTo({place})" in code


def test_waiting_and_ending_are_no_code():
    assert pyautogui_code(Wait(seconds=0.5), SCREEN) is None
    assert pyautogui_code(Finished(), SCREEN) is None
    assert pyautogui_code(Fail(), SCREEN) is None


def test_less_than_is_typed_by_its_keys():
    code = pyautogui_code(TypeText(text="<a<"), SCREEN)
    assert code is not None
    assert code.count("hotkey('shift', ',')") == 2 and "write('a'" in code


def test_only_our_server_is_asked_whether_it_has_room() -> None:
    asked: list[str] = []

    def full(_method: str, path: str, *_: object) -> Answer:
        asked.append(path)
        return 507, {}, b'{"message": "the disk is full"}'

    with simulated(full, typed=False) as machine:
        DesktopClient(machine, 5.0).has_room()
    assert asked == []
    with simulated(full) as machine, pytest.raises(DesktopLost, match="507: the disk is full"):
        DesktopClient(machine, 5.0).has_room()

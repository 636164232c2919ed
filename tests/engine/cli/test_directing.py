"""Lines of a shell become directions, and a line that is none is answered with what to write."""

from __future__ import annotations

import io

import pytest

from arpo_engine.cli.directing import LineUnclear, read_line
from arpo_engine.cli.try_out import listen
from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Move, Scroll, TypeText, Wait
from arpo_engine.contract.tryouts import Act, Go, Instruct, Restart
from arpo_engine.rollout.directions import SpokenDirections


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("click 300 200", Click(x=300, y=200)),
        ("click 300 200 right", Click(x=300, y=200, button="right")),
        ("click 3 4 double", Click(x=3, y=4, count=2)),
        ("move 3 4", Move(x=3, y=4)),
        ("drag 1 2 3 4", Drag(x=1, y=2, to_x=3, to_y=4)),
        ("scroll 5 6 down", Scroll(x=5, y=6, direction="down")),
        ("scroll 5 6 up 2", Scroll(x=5, y=6, direction="up", clicks=2)),
        ('type "Grüße, 世界"', TypeText(text="Grüße, 世界")),
        (r"type 'a\nb'", TypeText(text="a\nb")),
        ("key ctrl+s", Hotkey(keys=("ctrl", "s"))),
        ("key ctrl s", Hotkey(keys=("ctrl", "s"))),
        ("wait 2", Wait(seconds=2.0)),
        ("done", Finished()),
        ("fail it is not there", Fail(reason="it is not there")),
    ],
)
def test_a_line_is_a_person_s_hand(line: str, action: Action) -> None:
    said = read_line(line, 3)
    assert isinstance(said, Act)
    assert (said.action, said.number, said.by) == (action, 3, "the shell")


def test_a_line_directs_the_agent() -> None:
    assert isinstance(read_line("GO", 1), Go)
    assert read_line('say "open Mail"', 2) == Instruct(number=2, by="the shell", text="open Mail")
    assert read_line("restart t-7 -- do that", 1) == Restart(
        number=1, by="the shell", task="t-7", instruction="do that"
    )
    assert read_line("restart", 1) == Restart(number=1, by="the shell")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("dance", "'dance' is no direction; write one of: go, hold"),
        ("click 3", "cannot be read; write it as in help"),
        ("click here there", "valid integer"),
        ("go now", "write it as in help"),
        ("type", "nothing to type"),
        ('type "open', "close each quote"),
        ("type " + "x" * 3000, "at most 2000"),
        ("say", "at least 1 character"),
        ("key", "at least 1 item"),
    ],
)
def test_a_line_that_is_no_direction_says_why(line: str, why: str) -> None:
    with pytest.raises(LineUnclear, match=why):
        read_line(line, 1)


def test_what_is_typed_is_numbered_in_its_order_and_the_end_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    spoken = SpokenDirections()
    listen(io.StringIO("help\n\nstep\nnonsense\nfinish\n"), spoken)
    assert [spoken.take().number, spoken.take().number] == [1, 2]
    assert spoken.closed
    told = capsys.readouterr().err
    assert "score it and end" in told
    assert "'nonsense' is no direction" in told

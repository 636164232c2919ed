"""What somebody types into a shell to direct a try-out: a line becomes a direction. Knows words; knows no desktop."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from arpo_engine.contract.errors import ArpoError
from arpo_engine.contract.tryouts import Direction

BY = "the shell"
HELP = """\
go                  the agent goes on          click 300 200 [right] [double]
hold                it waits                   move 300 200          drag 10 20 300 200
step                one reply, then it waits   scroll 300 200 down [5]
say "…"             another instruction        type "…"              (\\n is Enter)
restart [TASK] [-- …]  a fresh desktop         key ctrl s            wait 2
finish              score it and end           done, fail            as the agent would say it"""

_DIRECTION: TypeAdapter[Direction] = TypeAdapter(Direction)


class LineUnclear(ArpoError):
    """A line that is no direction: why, and what to write."""


def read_line(line: str, number: int) -> Direction:
    """The direction that a line says.

    Raises:
        LineUnclear: it says none, or one that no person would give.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise LineUnclear(f"{line.strip()!r} cannot be read ({error}); close each quote") from error
    word, rest = words[0].lower(), words[1:]
    reader = _READERS.get(word)
    if reader is None:
        raise LineUnclear(f"{word!r} is no direction; write one of: {', '.join(_READERS)}, help")
    try:
        return _DIRECTION.validate_python({"number": number, "by": BY, **reader(rest)})
    except ValidationError as error:
        first = error.errors()[0]
        raise LineUnclear(f"{line.strip()[:80]!r}: {first['msg'].removeprefix('Value error, ')}") from error
    except (ValueError, IndexError) as error:
        raise LineUnclear(f"{line.strip()[:80]!r} cannot be read; write it as in help") from error


def _plain(kind: str) -> Callable[[Sequence[str]], dict[str, Any]]:
    def read(words: Sequence[str]) -> dict[str, Any]:
        if words:
            raise ValueError("nothing follows this word")
        return {"kind": kind}

    return read


def _act(action: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "act", "action": action}


def _click(words: Sequence[str]) -> dict[str, Any]:
    x, y, *how = words
    counts = {"double": 2, "triple": 3}
    buttons = [word for word in how if word not in counts]
    count = max((counts.get(word, 1) for word in how), default=1)
    return _act({"kind": "click", "x": x, "y": y, "button": buttons[0] if buttons else "left", "count": count})


def _move(words: Sequence[str]) -> dict[str, Any]:
    x, y = words
    return _act({"kind": "move", "x": x, "y": y})


def _drag(words: Sequence[str]) -> dict[str, Any]:
    x, y, to_x, to_y = words
    return _act({"kind": "drag", "x": x, "y": y, "to_x": to_x, "to_y": to_y})


def _scroll(words: Sequence[str]) -> dict[str, Any]:
    x, y, direction, *clicks = words
    return _act({"kind": "scroll", "x": x, "y": y, "direction": direction, "clicks": clicks[0] if clicks else 5})


def _type(words: Sequence[str]) -> dict[str, Any]:
    return _act({"kind": "type", "text": " ".join(words).replace("\\n", "\n")})


def _key(words: Sequence[str]) -> dict[str, Any]:
    keys = [key for word in words for key in ([word] if word == "+" else word.split("+"))]
    return _act({"kind": "hotkey", "keys": keys})


def _wait(words: Sequence[str]) -> dict[str, Any]:
    return _act({"kind": "wait", "seconds": words[0] if words else 1.0})


def _say(words: Sequence[str]) -> dict[str, Any]:
    return {"kind": "instruct", "text": " ".join(words)}


def _restart(words: Sequence[str]) -> dict[str, Any]:
    task, _, said = " ".join(words).partition("--")
    return {"kind": "restart", "task": task.strip(), "instruction": said.strip() or None}


def _done(words: Sequence[str]) -> dict[str, Any]:
    return _act({"kind": "finished", "answer": " ".join(words)})


def _fail(words: Sequence[str]) -> dict[str, Any]:
    return _act({"kind": "fail", "reason": " ".join(words)})


_READERS: Mapping[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "go": _plain("go"),
    "hold": _plain("hold"),
    "step": _plain("step"),
    "click": _click,
    "move": _move,
    "drag": _drag,
    "scroll": _scroll,
    "type": _type,
    "key": _key,
    "wait": _wait,
    "say": _say,
    "restart": _restart,
    "finish": _plain("finish"),
    "done": _done,
    "fail": _fail,
}

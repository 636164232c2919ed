"""Try-outs in words: states, directions, what became of them. Knows the wire's vocabulary; knows no row and no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from arpo_engine.contract.action_words import action_words

STATES: Final[dict[str, tuple[str, str, str]]] = {
    "": ("preparing", "Waiting", "The desktop and the model are being started."),
    "starting": ("preparing", "Starting", "The desktop is brought to where the task begins."),
    "holding": ("paused", "Holding", "Nothing happens until somebody says so."),
    "thinking": ("wait", "Thinking", "The agent looks at the screen and decides."),
    "acting": ("click", "Acting", "An action is carried out."),
    "scoring": ("gauge", "Scoring", "The task's evaluator looks at the desktop."),
    "over": ("finished", "Episode over", "Start over on a fresh desktop, or end the try-out."),
}
"""Icon, word and a sentence of each state that the engine tells."""
CUT: Final = 80


def state_words(state: str) -> tuple[str, str, str]:
    """Icon, word and sentence of a state; one of a newer engine by its name."""
    return STATES.get(state) or ("info", state.capitalize(), "")


def direction_words(data: Mapping[str, Any]) -> str:
    """A direction in a few words, such as `click 300, 200`."""
    kind = str(data.get("kind", ""))
    if kind == "act":
        return action_words(data.get("action"))
    if kind == "instruct":
        return f"new instruction “{cut(str(data.get('text', '')))}”"
    if kind == "restart":
        return "start over"
    plain = {"hold": "pause", "go": "go on", "step": "one step", "finish": "score and end"}
    return plain.get(kind, kind)


def cut(text: str) -> str:
    """The beginning of a text, on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= CUT else f"{flat[: CUT - 1]}…"

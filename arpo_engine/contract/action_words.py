"""An action in a few words, such as `click 120, 44`. Knows the wire's vocabulary, that of newer engines excepted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

SHOWN_TEXT: Final = 60
"""Typed text longer than this is cut."""


def action_words(action: Mapping[str, Any] | None) -> str:
    """The words for an action as it travels; None is a reply that could not be read."""
    if action is None:
        return "unreadable"
    kind = str(action.get("kind", ""))
    place = f"{action.get('x')}, {action.get('y')}"
    if kind == "click":
        count, button = action.get("count", 1), action.get("button", "left")
        words = {1: "click", 2: "double click", 3: "triple click"}.get(count, "click")
        return f"{'' if button == 'left' else f'{button} '}{words} {place}"
    if kind == "several":
        return ", then ".join(action_words(one) for one in action.get("actions", ()))
    if kind == "move":
        return f"move to {place}"
    if kind == "drag_to":
        return f"drag to {place}"
    if kind == "drag":
        return f"drag {place} → {action.get('to_x')}, {action.get('to_y')}"
    if kind == "scroll":
        return f"scroll {action.get('direction')} {action.get('clicks')} at {place}"
    if kind == "type":
        return f"type “{_cut(str(action.get('text', '')))}”"
    if kind == "hotkey":
        return "press " + "+".join(str(key) for key in action.get("keys", ()))
    if kind == "wait":
        return f"wait {action.get('seconds', 1):g} s"
    return {"finished": "finished", "fail": "cannot be done"}.get(kind, kind)


def _cut(text: str) -> str:
    flat = text.replace("\n", "⏎")
    return flat if len(flat) <= SHOWN_TEXT else f"{flat[: SHOWN_TEXT - 1]}…"

"""Whether a recorded case agrees with itself: what holds of the published functions on every input, faults included.

A rule excuses a difference between them and us, never a number in the record that cannot have come from them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from arpo_engine.agents.screens import Frame
from arpo_engine.conformance.effects import DECIMALS, Effect, effects_of_code, same_effects
from arpo_engine.conformance.verdict import Case
from arpo_engine.conformance.written import BOX, NARROWEST, PLAIN_CALL, Written, skeleton

WORDS = {"finished": "DONE", "wait": "WAIT", "error_env": "FAIL", "call_user": "FAIL"}
"""Actions that the published environment takes alone, dropping all others of the reply."""
POINTED = {"click": "click", "left_single": "click", "left_double": "doubleClick", "right_single": "click",
           "hover": "moveTo"}  # fmt: skip
SHARES_WITHIN = 1e-12
"""Shares of the frame are float64 on both sides."""
DRAGGED = ("drag", "select")


def contradictions(case: Case, written: Written) -> Iterator[str]:
    """What cannot be so in this record, in words."""
    yield from _environment(case)
    frame = written.frame
    for action, piece, name in zip(case.get("reference_actions") or (), written.pieces, written.names(), strict=False):
        bare = skeleton(piece)
        alone = bare.count("(") == 1 and "\n" not in bare and re.fullmatch(r"[A-Za-z_]+", name)
        if alone and action.get("action_type") != name:
            yield f"the reply calls {name}, and the recorded action is {action.get('action_type')}"
        if PLAIN_CALL.fullmatch(bare) and "#" not in bare:
            yield from _foreign_boxes(action.get("action_inputs") or {}, piece, frame)
    for action, code in zip(case.get("reference_actions") or (), case.get("reference_pyautogui") or (), strict=False):
        expected, recorded = _places(action, frame), effects_of_code(str(code))
        if expected is not None and recorded is not None and not same_effects(_without_buttons(recorded), expected):
            yield f"the recorded code does {recorded}, and its own shares give {expected}"


def _foreign_boxes(inputs: Mapping[str, Any], piece: str, frame: Frame) -> Iterator[str]:
    """Recorded shares that are not those of the places in the reply; a narrow screen has another frame there."""
    last = {match[1]: match[3] for match in BOX.finditer(piece)}  # of two with one name the last counts
    for key, text in last.items():
        finite = not re.search(r"[a-z]", text.lower())
        if key in inputs and finite and min(frame.screen) >= NARROWEST and not same_box(text, inputs[key], frame):
            yield f"{key} is {text!r}, and the recorded shares are {inputs[key]}"


def same_box(text: str, recorded: object, frame: Frame) -> bool:
    """Whether recorded shares are those of a written place, to the last digits of float64."""
    try:
        theirs = [float(share) for share in json.loads(str(recorded))]
        numbers = [float(part) for part in text.replace("(", "").replace(")", "").split(",")]
    except (ValueError, TypeError):
        return False
    ours = frame.shares(numbers if len(numbers) != 2 else numbers * 2)
    return len(ours) == len(theirs) and all(
        abs(one - other) <= SHARES_WITHIN * max(1.0, abs(other)) for one, other in zip(ours, theirs, strict=True)
    )


def _environment(case: Case) -> Iterator[str]:
    if "arpo_format_reward" not in case or "arpo_env_step_actions" not in case:
        return
    given = case["arpo_env_step_actions"]
    if case["arpo_format_reward"] == -1.0:
        if given != ["DONE"]:
            yield f"a format reward of -1 ends the episode, and the record goes on with {given}"
    elif case["arpo_format_reward"] != 0.0:
        yield f"the recorded format reward is {case['arpo_format_reward']}; it is 0 or -1"
    else:
        kinds = [str(action.get("action_type")) for action in case.get("reference_actions") or ()]
        if case.get("error") and not WORDS.keys() & set(kinds):
            yield f"the record has the error {case['error']} and no format penalty"
        alone = next((WORDS[kind] for kind in kinds if kind in WORDS), None)
        expected = case.get("reference_pyautogui") if alone is None else [alone]
        if expected is not None and given != expected:
            yield f"the environment was given {given}, and the recorded actions make it {expected}"


def _places(action: Mapping[str, Any], frame: Frame) -> list[Effect] | None:
    """The pointing that an action's recorded shares ask for; None where it does not point."""
    kind, inputs = str(action.get("action_type")), action.get("action_inputs") or {}
    boxes = [_centre(inputs.get(key), frame) for key in ("start_box", "end_box")]
    if kind in POINTED and boxes[0] is not None:
        return [(POINTED[kind], *boxes[0])]
    if kind in DRAGGED and boxes[0] is not None and boxes[1] is not None:
        return [("moveTo", *boxes[0]), ("dragTo", *boxes[1])]
    return None


def _centre(recorded: object, frame: Frame) -> tuple[float, float] | None:
    try:
        shares = json.loads(str(recorded))
    except ValueError:
        return None
    if not isinstance(shares, list) or len(shares) != 4:
        return None
    x, y = (shares[0] + shares[2]) / 2 * frame.screen[0], (shares[1] + shares[3]) / 2 * frame.screen[1]
    return round(x, DECIMALS), round(y, DECIMALS)


def _without_buttons(effects: list[Effect]) -> list[Effect]:
    return [effect[:3] for effect in effects]

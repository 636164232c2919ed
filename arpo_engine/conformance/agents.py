"""UI-TARS replies as the published ARPO code reads them (7489ae3, verl/trainer/gui_agent.py) and as we do.

A case holds a reply, the screen, the model's family, its pixel limits, and what the published functions returned. It is
a match when everything that was recorded equals ours: the resized frame, each action and its arguments, the effects on
the desktop, the format reward, the thought. Where it does not, a rule settled on the reply alone must allow it.
What other parsers returned (PyPI's ui-tars, bytedance's) is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from arpo_engine.agents.actions import action_of
from arpo_engine.agents.grammar import Call
from arpo_engine.agents.screens import THOUSANDTHS, Frame, resized_frame, thousandths
from arpo_engine.agents.ui_tars import read_reply
from arpo_engine.conformance.agent_rules import Manner, Rule, rules_of
from arpo_engine.conformance.effects import Effect, effects_of_action, effects_of_code, same_effects
from arpo_engine.conformance.records import contradictions, same_box
from arpo_engine.conformance.verdict import Case, Verdict
from arpo_engine.conformance.written import THIN, Written
from arpo_engine.contract.actions import Several, SingleAction, unfolded
from arpo_engine.contract.errors import ActionUnreadable, ConfigError
from arpo_engine.contract.resize import PixelLimits

ABSOLUTE = "qwen25vl"
"""The model type whose places are pixels of the resized screenshot; of all others they are parts of the screen."""
MIN_PIXELS = 100 * 28 * 28
"""The published parser's own, where a case gives none."""
RECORDED = ("reference_actions", "reference_pyautogui", "arpo_env_step_actions", "arpo_format_reward", "resized")
THOUGHT_LABELS = ("Thought: ", "Action_Summary: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What we make of a reply."""

    thought: str = ""
    calls: tuple[Call, ...] = ()
    effects: tuple[tuple[Effect, ...], ...] = ()
    """Of each call that is carried out."""
    refusal: str = ""
    """Why it was not read; empty when it was."""

    @property
    def flat(self) -> list[Effect]:
        """All effects in order."""
        return [effect for effects in self.effects for effect in effects]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a case's reply points."""

    frame: Frame
    resized: tuple[int, int] | None = None
    """(width, height) at which the model sees the screen."""
    trouble: str = ""
    """Why there is no such size: neither side can then read a reply that points into it."""


def judge(case: Case) -> Verdict:
    """Compare one case; see the module.

    Raises:
        ConfigError: the case lacks what a case of this suite must have.
    """
    name = _need(case, "name", str)
    if not any(key in case for key in RECORDED):
        raise ConfigError(f"case {name!r} records nothing to compare with; give one of {', '.join(RECORDED)}")
    text, setting = _need(case, "input", str), _setting_of(case)
    written = Written(text=text, frame=setting.frame)
    rules = rules_of(written)
    ours = _answer(text, setting)
    resized = _frame_differences(case, setting)
    differences = [*resized, *_differences(case, ours, setting.frame)]
    unsound = list(contradictions(case, written))
    if not differences and not unsound:
        return Verdict(case=name, outcome="match")
    unlike = [*unsound, *_unlike(rules, case, ours)]
    if THIN not in {rule.name for rule in rules}:
        unlike += resized
    if unlike:
        return Verdict(case=name, outcome="mismatch", detail="; ".join([*unlike, *differences]))
    return Verdict(case=name, outcome="deviation", rule=rules[0].name)


def _need(case: Case, key: str, kind: type) -> Any:
    if not isinstance(case.get(key), kind):
        raise ConfigError(f"a case has {key} = {str(case.get(key))[:60]!r}; it must be a {kind.__name__}")
    return case[key]


def _number(case: Case, key: str, default: float) -> float:
    value = case.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value <= 0):
        raise ConfigError(f"case {case['name']!r} has {key} = {str(value)[:60]!r}; it must be a number above 0")
    return default if value is None else value


def _setting_of(case: Case) -> Setting:
    screen = case.get("screen")
    sides = [side for side in screen if isinstance(side, int) and side > 0] if isinstance(screen, list) else []
    if screen != sides or len(sides) != 2:
        raise ConfigError(f"case {case['name']!r} has the screen {screen!r}; give [width, height] in pixels")
    size = (sides[0], sides[1])
    limits = PixelLimits(
        min_pixels=int(_number(case, "min_pixels", MIN_PIXELS)),
        max_pixels=int(_number(case, "max_pixels", PixelLimits().max_pixels)),
    )
    parts = _number(case, "factor", THOUSANDTHS)
    absolute = case.get("model_type", ABSOLUTE) == ABSOLUTE
    try:
        seen = resized_frame(size, limits)
    except ValueError as error:
        return Setting(frame=thousandths(size, parts), trouble=str(error) if absolute else "")
    resized = (int(seen.width), int(seen.height))
    return Setting(frame=seen if absolute else thousandths(size, parts), resized=resized)


def _answer(text: str, setting: Setting) -> Answer:
    """Our reading, by the same functions that an episode uses."""
    if setting.trouble:
        return Answer(refusal=setting.trouble)
    frame = setting.frame
    try:
        thought, calls = read_reply(text)
        actions = [action_of(call, frame) for call in calls]
    except ActionUnreadable as refusal:
        return Answer(refusal=str(refusal))
    done = unfolded(Several(actions=tuple(actions))) if len(actions) > 1 else tuple(actions)
    return Answer(thought=thought, calls=calls, effects=tuple(map(tuple, _effects(calls, done, frame))))


def _effects(calls: tuple[Call, ...], actions: tuple[SingleAction, ...], frame: Frame) -> Iterator[list[Effect]]:
    for call, action in zip(calls, actions, strict=False):  # calls behind an ending one have no effect
        yield effects_of_action(call, action, frame)


def _frame_differences(case: Case, setting: Setting) -> list[str]:
    resized = list(setting.resized or ()) or None
    if case.get("resized") in (None, resized):
        return []
    return [f"the frame is {resized}, recorded {case['resized']}"]


def _differences(case: Case, ours: Answer, frame: Frame) -> Iterator[str]:
    if "arpo_format_reward" in case and case["arpo_format_reward"] != (-1.0 if ours.refusal else 0.0):
        yield f"the format reward is {-1.0 if ours.refusal else 0.0}, recorded {case['arpo_format_reward']}"
    if "error" in case and bool(case["error"]) != bool(ours.refusal):
        yield f"we {'refuse' if ours.refusal else 'read'} it, recorded {case['error'] or 'no error'}"
    if "arpo_env_step_actions" in case:
        theirs = _recorded_effects(case)
        expected = [("DONE",)] if ours.refusal else ours.flat
        if not same_effects(theirs, expected):
            yield f"the effects are {expected}, recorded {theirs}"
    if not ours.refusal:
        yield from _code_differences(case, ours)
        yield from _call_differences(case.get("reference_actions"), ours, frame)
    elif not {"error", "arpo_format_reward"} & case.keys() and (
        case.get("reference_actions") or case.get("reference_pyautogui")
    ):
        yield f"we refuse it ({ours.refusal}), recorded an action"


def _recorded_effects(case: Case) -> list[Effect]:
    codes = case.get("arpo_env_step_actions") or []
    return [effect for code in codes for effect in effects_of_code(str(code)) or []]


def _code_differences(case: Case, ours: Answer) -> Iterator[str]:
    codes = case.get("reference_pyautogui")
    if codes is None:
        return
    theirs = [effects_of_code(str(code)) for code in codes]
    flags = case.get("reference_pyautogui_is_valid_python")
    if flags is not None and flags != [effects is not None for effects in theirs]:
        yield f"the recorded code's validity is not {flags}"
    if len(theirs) != len(ours.calls):
        yield f"there are {len(ours.calls)} actions, recorded {len(theirs)}"
    for call, one, other in zip(ours.calls, theirs, ours.effects, strict=False):
        # wait and giving up are words of the environment; the published code has only a comment for them.
        if call.name not in ("wait", "call_user", "error_env") and not same_effects(one or [], other):
            yield f"{call.name} has the effects {list(other)}, recorded {one}"


def _call_differences(recorded: list[Mapping[str, Any]] | None, ours: Answer, frame: Frame) -> Iterator[str]:
    if recorded is None:
        return
    if len(recorded) != len(ours.calls):
        yield f"there are {len(ours.calls)} actions, recorded {len(recorded)}"
    for call, theirs in zip(ours.calls, recorded, strict=False):
        if theirs.get("action_type") != call.name:
            yield f"the action is {call.name}, recorded {theirs.get('action_type')}"
        given = {key: value.lstrip() for key, value in call.arguments.items() if value.strip()}
        inputs = {key: value for key, value in (theirs.get("action_inputs") or {}).items() if value}
        if set(given) != set(inputs):
            yield f"the arguments are {sorted(given)}, recorded {sorted(inputs)}"
        for key in set(given).intersection(inputs):
            same = (
                same_box(given[key], inputs[key], frame)
                if key in ("start_box", "end_box")
                else given[key] == inputs[key]
            )
            if not same:
                yield f"{call.name}'s {key} is {given[key]!r}, recorded {inputs[key]!r}"
        thought = theirs.get("thought")
        if thought is not None and _thought_is_comparable(theirs) and str(thought) != ours.thought:
            yield f"the thought is {ours.thought[:60]!r}, recorded {str(thought)[:60]!r}"


def _thought_is_comparable(theirs: Mapping[str, Any]) -> bool:
    """Whether the thought has one label and ends at the only marker; otherwise the published pattern finds a part."""
    text = str(theirs.get("text", ""))
    return text.count("Action:") == 1 and (text.startswith(THOUGHT_LABELS) or "Action_Summary: " in text)


def _unlike(rules: list[Rule], case: Case, ours: Answer) -> list[str]:
    """In which way the two sides differ otherwise than the rules say; empty when the rules cover it."""
    if not rules:
        return ["no rule allows a difference"]
    names = ", ".join(rule.name for rule in rules)
    sides: tuple[tuple[str, Manner, set[Manner]], ...] = (
        ("the published parser", _manner_of_record(case), {manner for rule in rules for manner in rule.theirs}),
        ("we", "refuses" if ours.refusal else "acts" if ours.flat else "nothing", {m for r in rules for m in r.ours}),
    )
    return [
        f"under {names} {who} should do one of {sorted(allowed)}, and does this: {manner}"
        for who, manner, allowed in sides
        if manner not in allowed
        and not (manner != "refuses" and "reads" in allowed)
        and not (manner == "reads" and allowed != {"refuses"})
    ]


def _manner_of_record(case: Case) -> Manner:
    if case.get("arpo_format_reward", -1.0 if case.get("error") else 0.0) == -1.0:
        return "refuses"
    if "arpo_env_step_actions" not in case:
        return "reads"
    return "acts" if _recorded_effects(case) else "nothing"

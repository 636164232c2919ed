"""Whether an agent writes coordinates as the model was taught to: a model of another kind clicks beside its targets.

Knows agents' settings and kinds of models by name; loads no weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from arpo_engine.contract.config.parts import AgentConfig, UiTarsAgentConfig
from arpo_engine.models.families import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """How an agent's replies say places, and whose replies are like that."""

    places: str
    family: str
    """Title of the family of models that was taught it."""


SPEECHES: Mapping[tuple[str, str], Speech] = {
    ("ui_tars", "1.0"): Speech(places="thousandths of the screen", family="Qwen2-VL"),
    ("ui_tars", "1.5"): Speech(places="pixels of the resized screenshot", family="Qwen2.5-VL"),
    ("qwen_vl", "2.5"): Speech(places="pixels of the resized screenshot", family="Qwen2.5-VL"),
    ("qwen_vl", "3"): Speech(places="a grid of 1000 x 1000", family="Qwen3-VL"),
}
"""UI-TARS 1.0 was made from Qwen2-VL and UI-TARS 1.5 from Qwen2.5-VL; the tool came with Qwen2.5-VL."""


def described(agent: AgentConfig) -> str:
    """An agent with its variant, in the words of the config."""
    kind, variant = _variant(agent)
    return f"{kind} {variant}"


def mismatch(agent: AgentConfig, family: Family) -> tuple[str, str] | None:
    """What does not fit, and the cure; None where agent and model belong together.

    It is no error: any model can be taught any way of saying places, but it begins with wrong ones.
    """
    speech = SPEECHES[_variant(agent)]
    if speech.family == family.title:
        return None
    kind, variant = _variant(agent)
    fact = (
        f"agent.kind={kind} with {_setting(kind)}={variant} reads places as {speech.places}, as models made "
        f"from {speech.family} say them; the model is a {family.title}"
    )
    fitting = [f"agent.kind={kind} {_setting(kind)}={variant}" for kind, variant in _taught(family)]
    return fact, f"use {' or '.join(fitting)}, or a model made from {speech.family}"


def _variant(agent: AgentConfig) -> tuple[str, str]:
    return agent.kind, agent.version if isinstance(agent, UiTarsAgentConfig) else agent.series


def _setting(kind: str) -> str:
    return "agent.version" if kind == "ui_tars" else "agent.series"


def _taught(family: Family) -> list[tuple[str, str]]:
    return [key for key, speech in SPEECHES.items() if speech.family == family.title]

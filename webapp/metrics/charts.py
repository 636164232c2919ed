"""Which charts there are: each a title, a story, its series and how they are drawn. Adding one is adding an entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from webapp.figure_style import BLUE, GREEN, OKABE_ITO, ORANGE, PURPLE, VERMILLION
from webapp.runs.config_tree import flatten


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series of a chart."""

    key: str
    name: str
    colour: str
    dash: Literal["solid", "dash", "dot"] = "solid"
    markers: bool = False
    """For what is measured now and then: every measurement is a dot, and it is not smoothed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure of the run page."""

    name: str
    title: str
    story: str
    """What it tells, for somebody who sees it for the first time."""
    lines: tuple[Line, ...]
    unit: str = ""
    percent: bool = False
    stacked: bool = False
    step_word: str = "step"
    """What its steps are, one of them."""
    kinds: tuple[str, ...] = ("train",)
    only_with: tuple[str, str] | None = None
    """A setting's path and value, without which there is nothing to draw."""


CHARTS: dict[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart(
            name="success",
            title="Success",
            story="Share of tasks solved: by the rollouts that it learns from, and measured now and then on training "
            "tasks and on tasks that it never practises.",
            percent=True,
            lines=(
                Line(key="train/success", name="rollouts", colour=BLUE),
                Line(key="validation/train_success", name="training tasks, measured", colour=ORANGE, markers=True),
                Line(key="validation/held_out_success", name="held-out tasks, measured", colour=GREEN, markers=True),
            ),
        ),
        Chart(
            name="reward",
            title="Reward",
            story="Mean reward of a rollout: its score, less a penalty when a reply could not be read.",
            lines=(
                Line(key="train/reward", name="reward", colour=BLUE),
                Line(key="train/format", name="format", colour=ORANGE, dash="dash"),
            ),
        ),
        Chart(
            name="advantage",
            title="Advantage spread",
            story="How far siblings differ. Near zero there is nothing to learn: all tries of a task went alike.",
            lines=(Line(key="train/advantage_std", name="spread of advantages", colour=PURPLE),),
        ),
        Chart(
            name="entropy",
            title="Entropy",
            story="How undecided the policy is, per token (nats). A sudden fall means it stopped exploring.",
            unit="nats",
            lines=(Line(key="train/entropy", name="token entropy", colour=GREEN),),
        ),
        Chart(
            name="clip",
            title="Clip fraction",
            story="Share of tokens whose probability moved further than one update may move it.",
            percent=True,
            lines=(
                Line(key="train/clip_fraction", name="clipped", colour=VERMILLION),
                Line(key="train/clip_fraction_high", name="at the upper bound", colour=ORANGE, dash="dash"),
                Line(key="train/clip_fraction_dual", name="dual clip", colour=PURPLE, dash="dot"),
            ),
        ),
        Chart(
            name="kl",
            title="KL to the old policy",
            story="How far one step moved the policy from the one that collected its rollouts.",
            unit="nats",
            lines=(Line(key="train/approx_kl", name="approximate KL", colour=BLUE),),
        ),
        Chart(
            name="sampler_gap",
            title="Sampler against learner",
            story="How differently generator and learner compute the same token's probability under the same weights. "
            "Near zero they agree; a jump means stale caches or another precision.",
            unit="nats",
            lines=(
                Line(key="train/sampler_gap", name="mean difference", colour=BLUE),
                Line(key="train/sampler_k3", name="KL (k3)", colour=ORANGE, dash="dash"),
            ),
        ),
        Chart(
            name="version_lag",
            title="Age of what is learnt from",
            story="How many updates old the weights were that sampled a token, when it is learnt from. Tokens older "
            "than rollout.max_version_lag are dropped with their episode.",
            unit="updates",
            only_with=("rollout.mode", "stream"),
            lines=(
                Line(key="rollout/version_lag", name="mean", colour=BLUE),
                Line(key="rollout/version_lag_max", name="oldest", colour=VERMILLION, dash="dot"),
            ),
        ),
        Chart(
            name="time",
            title="Where a step's time goes",
            story="Seconds of each training step by phase.",
            unit="s",
            stacked=True,
            lines=(
                Line(key="time/collect_s", name="collect", colour=BLUE),
                Line(key="time/learn_s", name="learn", colour=ORANGE),
                Line(key="time/validate_s", name="measure", colour=GREEN),
                Line(key="time/save_s", name="save", colour=PURPLE),
            ),
        ),
        Chart(
            name="replay",
            title="Replay",
            story="Successes remembered, and groups that one of them rescued in each step.",
            lines=(
                Line(key="replay/size", name="remembered", colour=BLUE),
                Line(key="replay/hits", name="groups rescued", colour=VERMILLION),
                Line(key="replay/tasks_stocked", name="tasks with a memory", colour=GREEN, dash="dash"),
            ),
        ),
        Chart(
            name="curriculum",
            title="Curriculum",
            story="Running success rate of the tasks that a step draws, beside that of all tasks. The curriculum draws "
            "those more often that are solved about half of the time.",
            percent=True,
            only_with=("tasks.order.kind", "success_rate"),
            lines=(
                Line(key="curriculum/drawn_success", name="tasks drawn", colour=BLUE),
                Line(key="curriculum/all_success", name="all tasks", colour=ORANGE, dash="dash"),
            ),
        ),
        Chart(
            name="curriculum_spread",
            title="Curriculum, spread",
            story="Over how many tasks the draw spreads, as the number of equally likely ones that would be as "
            "concentrated; and tasks at the lowest weight, which are (nearly) always or never solved.",
            only_with=("tasks.order.kind", "success_rate"),
            lines=(
                Line(key="curriculum/effective_tasks", name="effective tasks", colour=GREEN),
                Line(key="curriculum/tasks_at_floor", name="tasks at the lowest weight", colour=PURPLE, dash="dot"),
            ),
        ),
        Chart(
            name="faults",
            title="Faults",
            story="Rollouts lost to something around the agent. They carry no reward and teach nothing.",
            lines=(Line(key="rollout/faults", name="faults", colour=VERMILLION),),
        ),
        Chart(
            name="evaluation",
            title="Success",
            story="Share of tasks solved, as measured so far.",
            percent=True,
            kinds=("evaluate",),
            lines=(
                Line(key="evaluation/train_success", name="training tasks", colour=ORANGE, markers=True),
                Line(key="evaluation/held_out_success", name="held-out tasks", colour=GREEN, markers=True),
            ),
        ),
    )
}


def charts_of(kind: str, config: Mapping[str, Any]) -> list[Chart]:
    """The charts for a run of this kind with these settings."""
    settings = flatten(config)
    return [
        chart
        for chart in CHARTS.values()
        if kind in chart.kinds and (chart.only_with is None or settings.get(chart.only_with[0]) == chart.only_with[1])
    ]


def chart_of_key(key: str, place: int = 0) -> Chart:
    """A chart of one series that nothing more is known about."""
    line = Line(key=key, name=key, colour=OKABE_ITO[place % len(OKABE_ITO)])
    return Chart(name=key, title=key, story="", lines=(line,), unit="s" if key.endswith("_s") else "")

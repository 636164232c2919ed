"""How much a run does: episodes, tokens of a trajectory, what one update learns from. Knows settings and a shape only.

Tokens are estimates where they depend on what a policy says: a turn's reply and headers, and the opening of a context.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from arpo_engine.contract.config.containers import DockerDesktopsConfig
from arpo_engine.contract.config.desktops import XvfbDesktopsConfig
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.task_choice import LearnableTasksConfig
from arpo_engine.contract.plan.shapes import ModelShape
from arpo_engine.contract.resize import PixelLimits, smart_resize

OSWORLD_SCREEN, POCKET_SCREEN = (1920, 1080), (224, 168)
"""Pixels of a screenshot (width, height)."""
REPLY, HEADERS = 110, 10
"""Tokens of a turn besides its screenshot: what is sampled (a reply of UI-TARS has about 110) and the chat's own."""
OPENING, SHORT_OPENING = 700, 40
"""Tokens before the first screenshot: the published system prompt with an instruction, or the one of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """Tasks of a run's two splits, where they can be counted."""

    train: int
    held_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is done, and how large its pieces are."""

    screen: tuple[int, int]
    screenshot: int
    """Tokens of one screenshot."""
    patches: int
    """Patches of one screenshot in the vision tower."""
    turns: int
    """Turns of the longest episode; each has a screenshot."""
    reply: int
    """Sampled tokens of a turn."""
    context: int
    """Tokens of the longest context that is sampled from."""
    learnt_context: int
    """Tokens of the longest context that is learnt from (algorithm.max_learnt_tokens cuts it)."""
    contexts: int
    """Contexts that one trajectory is learnt as; more than one with agent.history_images."""
    per_step: int
    """Trajectories of a training step."""
    per_update: int
    """Of these, the trajectories of one update (one minibatch)."""
    steps: int
    passes: int
    """Times that a step's trajectories are gone through (algorithm.epochs)."""
    updates: int
    """Updates of the weights in a step."""
    rollouts: int
    """Episodes that are learnt from, over the whole run."""
    tries: int | None
    """Episodes of tasks.selection before the first step; None where the tasks cannot be counted."""
    measured: int | None
    """Episodes of validation, or of an evaluation; None where the tasks cannot be counted."""
    directed: bool = False
    """As many episodes as a person who directs them wants."""

    @property
    def episodes(self) -> int:
        """All of them that can be counted."""
        return self.rollouts + (self.tries or 0) + (self.measured or 0)

    @property
    def learnt_tokens(self) -> int:
        """Tokens of a training step that pass through the learner once."""
        return self.per_step * self.trajectory_tokens

    @property
    def trajectory_tokens(self) -> int:
        """Tokens of one trajectory in the learner, over all contexts that it is learnt as."""
        return self.learnt_context * self.contexts

    @property
    def learnt_screenshots(self) -> int:
        """Screenshots of one trajectory that the learner looks at; equal ones, and those of its windows, once."""
        return max(1, min(self.turns, self.learnt_context * self.turns // self.context))

    @property
    def sampled(self) -> int:
        """Sampled tokens of one trajectory."""
        return self.turns * self.reply


def runs_on_pocket(config: RunConfig) -> bool:
    """Whether the tasks are those of the small desktop that ships with the engine."""
    return "pocket" in PurePosixPath(config.tasks.source).parts


def _screen(config: RunConfig) -> tuple[int, int]:
    if runs_on_pocket(config):
        return POCKET_SCREEN
    desktops = config.desktops
    if isinstance(desktops, XvfbDesktopsConfig | DockerDesktopsConfig):
        return desktops.width, desktops.height
    return OSWORLD_SCREEN


def work_of(config: RunConfig, shape: ModelShape | None, tasks: TaskCounts | None = None) -> Work:
    """Count; without a shape a screenshot is counted as by Qwen2.5-VL, which has the most tokens."""
    screen = _screen(config)
    seen = config.model.max_pixels
    patches = shape.screenshot_patches(*screen, seen) if shape is not None else _of_qwen2_5(screen, seen)
    screenshot = patches // 4
    turns = config.rollout.max_steps
    reply = min(REPLY, config.generator.max_new_tokens)
    window = min(config.agent.history_images or turns, turns)
    contexts = 1 + turns - window
    short = isinstance(config.agent, UiTarsAgentConfig) and config.agent.prompt == "short"
    words = (SHORT_OPENING if short else OPENING) + turns * (reply + HEADERS)
    context = words + window * screenshot
    rollout, algorithm = config.rollout, config.algorithm
    per_step = rollout.tasks_per_step * rollout.group_size
    rollouts = 0 if config.kind != "train" or config.validation.only else config.limits.steps * per_step
    if algorithm.estimator == "remax":
        rollouts += rollouts // rollout.group_size  # one greedy rollout a task
    return Work(
        screen=screen,
        screenshot=screenshot,
        patches=patches,
        turns=turns,
        reply=reply,
        context=context,
        learnt_context=min(context, algorithm.max_learnt_tokens or context),
        contexts=contexts,
        per_step=per_step,
        per_update=-(-per_step // algorithm.minibatches),
        steps=config.limits.steps,
        passes=algorithm.epochs,
        updates=algorithm.epochs * algorithm.minibatches,
        rollouts=rollouts,
        tries=_tries(config, tasks),
        measured=_measured(config, tasks),
        directed=config.kind == "try",
    )


def _of_qwen2_5(screen: tuple[int, int], max_pixels: int | None) -> int:
    largest = PixelLimits().max_pixels
    width, height = smart_resize(*screen, PixelLimits(max_pixels=min(largest, max_pixels or largest)))
    return (width // 14) * (height // 14)


def _tries(config: RunConfig, tasks: TaskCounts | None) -> int | None:
    """Before a training every training task is tried so many times, where tasks.selection asks for it."""
    selection = config.tasks.selection
    if config.kind != "train" or not isinstance(selection, LearnableTasksConfig):
        return 0
    if tasks is None:
        return None if config.tasks.limit is None else config.tasks.limit * selection.attempts
    return _first(tasks.train, config.tasks.limit) * selection.attempts


def _measured(config: RunConfig, tasks: TaskCounts | None) -> int | None:
    if config.kind == "evaluate":
        return _evaluated(config, tasks)
    if config.kind == "try":
        return 0
    validation = config.validation
    if not validation.every_steps:
        return 0
    if tasks is None:
        return None
    train = _first(tasks.train, config.tasks.limit) if validation.include_train else 0
    split = _first(train, validation.tasks) + _first(tasks.held_out, validation.tasks)
    # After every so many steps and after the last one.
    rounds = 0 if validation.only else -(-config.limits.steps // validation.every_steps)
    return (rounds + validation.before_training) * split * validation.attempts


def _evaluated(config: RunConfig, tasks: TaskCounts | None) -> int | None:
    evaluation = config.evaluation
    if tasks is None or evaluation.select:
        return None
    train = _first(tasks.train, config.tasks.limit) if evaluation.split != "held_out" else 0
    held_out = tasks.held_out if evaluation.split != "train" else 0
    return (_first(train, evaluation.tasks) + _first(held_out, evaluation.tasks)) * evaluation.attempts


def _first(count: int, limit: int | None) -> int:
    return count if limit is None else min(count, limit)

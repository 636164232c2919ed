"""Each task's own actions, said as replies and read back by the agent's grammar."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from pydantic import ValidationError

from arpo_engine.agents.ui_tars import UiTarsAgent
from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText
from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.desktops import PocketDesktopsConfig, XvfbDesktopsConfig
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.inference.base import Prompt, Sampling
from arpo_engine.runtime.oracle import OracleGenerator, oracle_of

SAMPLING = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=100)
ACTIONS: tuple[Action, ...] = (
    Click(x=0, y=0),
    Click(x=1919, y=1079, button="right"),
    Click(x=961, y=539, count=2),
    Drag(x=17, y=1001, to_x=1717, to_y=3),
    Scroll(x=5, y=6, direction="up"),
    TypeText(text="née 'x' \"y\"\n"),
    Hotkey(keys=("ctrl", "shift", "n")),
)


def a_task(*actions: Action, **more: object) -> Task:
    fields = {"oracle": [action.model_dump(mode="json") for action in actions], **more}
    return Task(id="one", instruction="Do it", evaluator=Evaluator(func="infeasible"), **fields)  # type: ignore[arg-type]


def said(oracle: OracleGenerator, agent: UiTarsAgent, turns: int, screen: tuple[int, int]) -> list[Action]:
    async def all_turns() -> list[str]:
        pixels = np.zeros((screen[1], screen[0], 3), np.uint8)
        prompt = Prompt(episode_id="e", task_id="one", new_ids=(), pixels=pixels)
        return [(await oracle.generate(prompt, SAMPLING)).text or "" for _ in range(turns)]

    return [agent.parse(text, screen).action for text in asyncio.run(all_turns())]


@pytest.mark.parametrize("version", ["1.0", "1.5"])
@pytest.mark.parametrize("screen", [(1920, 1080), (1024, 768), (1366, 768)])
def test_actions_come_back_to_the_very_pixel_whatever_the_model_would_have_seen(
    version: str, screen: tuple[int, int]
) -> None:
    agent = UiTarsAgent(UiTarsAgentConfig.model_validate({"version": version}))
    here = [action for action in ACTIONS if getattr(action, "x", 0) < screen[0] and getattr(action, "y", 0) < screen[1]]
    here = [action for action in here if getattr(action, "to_x", 0) < screen[0]]
    oracle = OracleGenerator([a_task(*here)], agent, act=True)
    assert said(oracle, agent, len(here) + 1, screen) == [*here, Finished()]


def test_an_oracle_may_say_that_it_cannot_be_done() -> None:
    agent = UiTarsAgent(UiTarsAgentConfig())
    assert said(OracleGenerator([a_task(Fail())], agent, act=True), agent, 1, (640, 480)) == [Fail()]


def test_the_null_run_says_at_once_that_it_is_done() -> None:
    agent = UiTarsAgent(UiTarsAgentConfig())
    assert said(OracleGenerator([a_task(*ACTIONS)], agent, act=False), agent, 1, (640, 480)) == [Finished()]


def test_an_episode_that_is_run_again_begins_at_the_beginning() -> None:
    agent = UiTarsAgent(UiTarsAgentConfig())
    oracle = OracleGenerator([a_task(Hotkey(keys=("a",)), Hotkey(keys=("b",)))], agent, act=True)
    first = said(oracle, agent, 2, (640, 480))
    oracle.release("e")
    assert said(oracle, agent, 2, (640, 480)) == first


def test_a_task_without_an_oracle_is_named() -> None:
    task = Task(id="bare", instruction="Do it", evaluator=Evaluator(func="infeasible"))
    with pytest.raises(TaskError, match="bare has no 'oracle'"):
        oracle_of(task)


def test_an_oracle_that_is_no_action_is_named_with_its_place() -> None:
    task = a_task().model_copy(update={"oracle": [{"kind": "click", "x": 1}]})
    with pytest.raises(TaskError, match=r"one: oracle\.0"):
        oracle_of(task)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"kind": "train"}, "nothing to learn with"),
        ({"kind": "evaluate", "agent": {"kind": "qwen_vl"}}, "agent.kind = ui_tars"),
    ],
)
def test_an_oracle_only_measures_and_speaks_one_language(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        RunConfig.model_validate({"generator": {"kind": "oracle"}, **more})


def test_desktops_without_a_kind_are_the_small_ones() -> None:
    """Configs and runs from before there was a choice."""
    assert RunConfig.model_validate({"desktops": {"count": 3}}).desktops == PocketDesktopsConfig(count=3)
    assert isinstance(RunConfig.model_validate({"desktops": {"kind": "xvfb"}}).desktops, XvfbDesktopsConfig)

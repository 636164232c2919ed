"""Small stand-ins at the seams: a desktop that counts clicks, its host, trajectories made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import numpy as np

from arpo_engine.agents.base import Reply
from arpo_engine.contract.actions import Action, Click, Fail, Finished
from arpo_engine.contract.errors import ActionUnreadable, DesktopLost
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.contract.tasks import Evaluator, Task
from arpo_engine.desktops.host import Act, Answer, Request, Reset, Score
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.types import Observation, Step, Trajectory

END = 9


def make_task(name: str = "t1", *, infeasible: bool = False) -> Task:
    return Task(id=name, instruction=f"do {name}", evaluator=Evaluator(func="infeasible" if infeasible else "exact"))


def frame(shade: int, size: tuple[int, int] = (28, 28)) -> np.ndarray:
    return np.full((*size, 3), shade % 256, dtype=np.uint8)


def make_step(
    *, reply: tuple[int, ...] = (5, 6, END), logprobs: tuple[float, ...] | None = None, shade: int = 0
) -> Step:
    return Step(
        pixels=frame(shade),
        prompt_ids=(1, 2, 3),
        reply_ids=reply,
        reply_logprobs=logprobs or tuple(-0.5 for _ in reply),
        weight_version=0,
        text="text",
        thought="",
        action=Click(x=1, y=2),
    )


def make_trajectory(
    name: str,
    score: float | None,
    *,
    task: str = "t1",
    format_reward: float = 0.0,
    steps: tuple[Step, ...] | None = None,
) -> Trajectory:
    return Trajectory(
        episode_id=name,
        task_id=task,
        steps=steps if steps is not None else (make_step(),),
        ended_by=EndedBy.FINISHED,
        score=score,
        format_reward=format_reward,
        reward=None if score is None else score + 0.5 * format_reward,
    )


class ClickingDesktops:
    """A row of desktops; a task is solved by exactly one click. `trouble` may raise instead of answering."""

    def __init__(self, name: str = "fake-0", size: int = 4) -> None:
        self.name = name
        self.size = size
        self.machine = "here"
        self.restarts = 0
        self.closed = False
        self.clicks: dict[int, int] = {}
        self.tasks: dict[int, Task] = {}
        self.order: list[str] = []
        self.trouble: Callable[[int, Request], None] = lambda index, request: None
        self.wait: Callable[[int, Request], asyncio.Event | None] = lambda index, request: None
        self.broken_restarts = 0

    async def call(self, index: int, request: Request) -> Answer:
        event = self.wait(index, request)
        if event is not None:
            await event.wait()
        else:
            await asyncio.sleep(0)
        self.trouble(index, request)
        match request:
            case Reset(task):
                self.clicks[index] = 0
                self.tasks[index] = task
                self.order.append(f"reset {task.id}")
            case Act(action):
                self.clicks[index] += isinstance(action, Click)
            case Score(last_action):
                self.order.append(f"score {self.tasks[index].id}")
                if self.tasks[index].infeasible:
                    return float(isinstance(last_action, Fail))
                return float(self.clicks[index] == 1 and not isinstance(last_action, Fail))
        return Observation(pixels=frame(self.clicks[index] * 10))

    async def restart(self) -> None:
        self.restarts += 1
        if self.broken_restarts:
            self.broken_restarts -= 1
            raise DesktopLost("it does not come up")

    async def close(self) -> None:
        self.closed = True


class WordChat:
    """Turns as made-up ids; a reply's first id is an index into `WORDS`."""

    def opening_ids(self, system: str, user: str, size: tuple[int, int], caption: str = "") -> tuple[int, ...]:
        return (1, 1, 1)

    def turn_ids(self, size: tuple[int, int], caption: str = "") -> tuple[int, ...]:
        return (2, 2)

    def decode(self, ids: tuple[int, ...]) -> str:
        return WORDS[ids[0]]


WORDS = ["click", "finish", "fail", "mumble"]


class WordAgent:
    """Reads one-word replies."""

    def system_prompt(self) -> str:
        return "system"

    def user_prompt(self, instruction: str) -> str:
        return instruction

    def caption(self, instruction: str, done: object = None) -> str:
        return ""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        actions: dict[str, Action] = {"click": Click(x=3, y=3), "finish": Finished(), "fail": Fail()}
        if text not in actions:
            raise ActionUnreadable(f"{text!r} is no word of this agent; say click, finish or fail")
        return Reply(thought=f"I {text}", action=actions[text])


class ListedGenerator:
    """Says the words of a list, turn by turn; the episode's id chooses the list."""

    def __init__(self, script: Callable[[str], list[str]]) -> None:
        self._script = script
        self.turns: dict[str, int] = {}
        self.prompts: list[Prompt] = []
        self.released: list[str] = []
        self.version = 0
        self.error: Exception | None = None
        self.unending: set[str] = set()

    async def generate(self, prompt: Prompt, sampling: Sampling) -> Completion:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.prompts.append(prompt)
        turn = self.turns.get(prompt.episode_id, 0)
        self.turns[prompt.episode_id] = turn + 1
        word = WORDS.index(self._script(prompt.episode_id)[turn])
        ended = prompt.episode_id not in self.unending
        ids = (word, END) if ended else (word, word)
        return Completion(ids=ids, logprobs=(-0.1, -0.2), weight_version=self.version, ended=ended, seconds=0.01)

    def release(self, episode_id: str) -> None:
        self.released.append(episode_id)

    async def push_weights(self, version: int, weights: object) -> None:
        self.version = version

    async def close(self) -> None:
        return None

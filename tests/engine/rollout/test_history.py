"""Windows of the history: what leaves the context, what stays, and that learning sees what sampling saw."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import torch

from arpo_engine.agents import QwenVlAgent, UiTarsAgent
from arpo_engine.agents.base import Agent
from arpo_engine.algorithms.packing import FrameStore, pack, unpack
from arpo_engine.contract.config.generators import HfGeneratorConfig
from arpo_engine.contract.config.parts import QwenVlAgentConfig, UiTarsAgentConfig
from arpo_engine.contract.errors import ContextFull
from arpo_engine.contract.outcomes import EndedBy, Split
from arpo_engine.inference.base import Prompt
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.models.chat import PastTurn
from arpo_engine.models.contexts import contexts_of
from arpo_engine.models.policy import Policy
from arpo_engine.rollout.plans import Plan
from arpo_engine.rollout.prompts import History, next_prompt
from arpo_engine.rollout.records import read_tokens, write_tokens
from arpo_engine.types import Observation, Step, Trajectory
from tests.engine.fakes import make_task
from tests.engine.policies import SAMPLING, SIZE, screenshots, shared_policy, small_policy

SHORT = UiTarsAgent(UiTarsAgentConfig(prompt="short"))
PLAN = Plan(
    episode_id="e", task=make_task(), split=Split.TRAIN, step=0, seed=3, sampling=SAMPLING, max_steps=9
)  # fmt: skip


def step_of(prompt: Prompt, reply: tuple[int, ...], thought: str = "") -> Step:
    return Step(
        pixels=prompt.pixels,
        prompt_ids=prompt.new_ids,
        reply_ids=reply,
        reply_logprobs=(0.0,) * len(reply),
        weight_version=0,
        text="",
        thought=thought,
        action=None,
        window=None if prompt.earlier is None else len(prompt.earlier) + 1,
    )


async def play(policy: Policy, turns: int, history: History, agent: Agent = SHORT) -> Trajectory:
    """An episode of so many turns, sampled as a rollout does it."""
    generator = HfGenerator(policy, HfGeneratorConfig(max_batch=1))
    steps: list[Step] = []
    for pixels in screenshots(turns, seed=4):
        prompt = next_prompt(agent, policy.chat, history, PLAN, steps, Observation(pixels=pixels))
        said = await generator.generate(prompt, SAMPLING)
        steps.append(
            Step(
                pixels=pixels,
                prompt_ids=prompt.new_ids,
                reply_ids=said.ids,
                reply_logprobs=said.logprobs,
                weight_version=0,
                text="",
                thought=f"turn {len(steps)}",
                action=None,
                window=None if prompt.earlier is None else len(prompt.earlier) + 1,
            )
        )
    await generator.close()
    return Trajectory(episode_id="e", task_id="t", steps=tuple(steps), ended_by=EndedBy.OUT_OF_STEPS, score=0.0)


def test_a_window_that_holds_everything_gives_the_very_tokens_of_the_whole_history():
    whole = asyncio.run(play(shared_policy(), 3, History()))
    wide = asyncio.run(play(shared_policy(), 3, History(images=3)))
    assert [step.prompt_ids for step in whole.steps] == [step.prompt_ids for step in wide.steps]
    assert [step.window for step in wide.steps] == [None, None, None]


def test_a_context_that_begins_anew_with_nothing_left_out_equals_the_one_that_grew():
    chat = shared_policy().chat
    replies = [chat.reply_ids(words) for words in ("click", "type")]
    grown = chat.opening_ids("system", "user", SIZE, "first") + replies[0]
    grown += chat.turn_ids(SIZE, "later") + replies[1] + chat.turn_ids(SIZE, "later")
    past = [PastTurn(reply_ids=reply, size=SIZE) for reply in replies]
    assert chat.window_ids("system", "user", past, SIZE, captions=("first", "later")) == grown


@pytest.mark.parametrize("images", [1, 2, 3])
def test_a_window_shows_the_newest_screenshots_and_keeps_the_replies_of_the_others(images: int):
    policy = shared_policy()
    played = asyncio.run(play(policy, 5, History(images=images)))
    assert [step.window for step in played.steps] == [None] * images + [images] * (5 - images)
    last = list(played.steps[-1].prompt_ids)
    assert last.count(policy.chat.image_id) == images * policy.chat.cells(SIZE)
    text = policy.chat.decode(last)
    for step in played.steps[:-1]:
        assert policy.chat.decode(step.reply_ids) in text


def test_qwen_tells_old_turns_as_a_list_and_leaves_their_replies_out():
    policy = shared_policy()
    steps: list[Step] = []
    for number, pixels in enumerate(screenshots(4)):
        prompt = next_prompt(
            QwenVlAgent(QwenVlAgentConfig()), policy.chat, History(images=2, old_replies=False), PLAN, steps,
            Observation(pixels=pixels),
        )  # fmt: skip
        if number < 3:
            steps.append(step_of(prompt, policy.chat.reply_ids("click"), thought=f"did {number}"))
    assert prompt.earlier is not None
    assert [id(one) for one in prompt.earlier] == [id(steps[2].pixels)]
    assert (
        prompt.new_ids.count(policy.chat.end_id) == 1 + 1 + 1 + 1
    )  # system, the older picture, its reply, the new picture
    agent = QwenVlAgent(QwenVlAgentConfig())
    assert "Step 1: did 0\nStep 2: did 1" in agent.caption(PLAN.task.instruction, ("did 0", "did 1"))


@pytest.mark.parametrize("images", [None, 1, 2, 4])
def test_learning_recomputes_what_sampling_recorded_in_the_same_contexts(images: int | None):
    policy = shared_policy()
    episodes = [asyncio.run(play(policy, turns, History(images=images))) for turns in (5, 1, 3)]
    recorded = policy.behaviour_logprobs(episodes)
    computed = policy.reply_logprobs(episodes)
    assert computed.mask.sum() == sum(episode.tokens for episode in episodes)
    assert torch.allclose(computed.logprobs, recorded, atol=1e-4)
    assert (computed.entropy[computed.mask] > 0).all()
    assert (computed.entropy[~computed.mask] == 0).all()


def test_each_turn_of_a_window_is_a_sample_of_its_own():
    policy = shared_policy()
    episode = asyncio.run(play(policy, 5, History(images=2)))
    contexts = contexts_of(policy.chat, [episode], {})
    lengths = [len(step.reply_ids) for step in episode.steps]
    assert [len(one.places) for one in contexts] == [lengths[0] + lengths[1], *lengths[2:]]
    assert [one.column for one in contexts] == [0, *np.cumsum(lengths)[1:4]]
    for context, step in zip(contexts[1:], episode.steps[2:], strict=True):
        assert context.ids.tolist() == [*step.prompt_ids, *step.reply_ids]


def test_gradients_reach_the_weights_from_every_turn_of_a_window():
    policy = small_policy()
    episode = asyncio.run(play(policy, 4, History(images=1)))
    policy.reply_logprobs([episode]).logprobs[0, -1].backward()
    assert all(torch.isfinite(weight.grad).all() for weight in policy.module.parameters() if weight.grad is not None)
    assert float(policy.module.lm_head.weight.grad.abs().sum()) > 0


def test_a_short_window_fits_where_the_whole_history_is_too_long():
    policy = shared_policy()
    with pytest.raises(ContextFull):
        asyncio.run(play(policy, 30, History()))
    assert len(asyncio.run(play(policy, 30, History(images=1, old_replies=False))).steps) == 30


def test_the_tokens_on_disk_tell_where_a_context_began_anew(tmp_path: Path):
    episode = asyncio.run(play(shared_policy(), 3, History(images=2)))
    write_tokens(tmp_path / "tokens.npz", [episode])
    turns = read_tokens(tmp_path / "tokens.npz")["e"]
    assert [turn["window"] for turn in turns] == [None, None, 2]
    assert [tuple(turn["prompt_ids"]) for turn in turns] == [step.prompt_ids for step in episode.steps]


def test_a_windowed_episode_comes_back_from_the_replay_memory_as_it_was():
    episode = asyncio.run(play(shared_policy(), 3, History(images=1)))
    store = FrameStore()
    packed = pack(episode, store)
    assert [step.window for step in unpack(packed, store).steps] == [None, 1, 1]
    for step in packed.data["steps"]:
        del step["window"]  # as a memory was saved before there were windows
    assert [step.window for step in unpack(packed, store).steps] == [None, None, None]

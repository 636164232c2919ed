"""The trainer's side of vLLM: what goes out, how contexts and weights are kept, and what is measured. No vLLM here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.generators import VllmGeneratorConfig
from arpo_engine.contract.errors import ConfigError, ContextFull, GeneratorLost, ModelError
from arpo_engine.inference.base import OwnProcesses, Prompt, Sampling
from arpo_engine.inference.vllm_generator import VllmGenerator, folded, scratch_folder
from arpo_engine.inference.vllm_wire import Ask, Rest
from arpo_engine.runtime.vllm_engines import engine_settings
from tests.engine.inference.vllm_stub import END, StubReplica
from tests.engine.policies import SIZE, SYSTEM, screenshots, shared_policy

SAMPLING = Sampling(temperature=0.7, top_p=1.0, max_new_tokens=8)


def with_generator(
    work: Callable[[VllmGenerator], Awaitable[None]],
    replicas: Sequence[StubReplica] | None = None,
    *,
    config: VllmGeneratorConfig | None = None,
    context_length: int = 1024,
) -> list[StubReplica]:
    replicas = replicas or [StubReplica("a")]

    async def main() -> None:
        known = config or VllmGeneratorConfig()
        generator = VllmGenerator(
            shared_policy().chat,
            known,
            replicas,
            context_length=context_length,
            weight_names=shared_policy().weights(),
            scratch=scratch_folder(),
        )
        await generator.open()
        try:
            await work(generator)
        finally:
            await generator.close()

    asyncio.run(main())
    return list(replicas)


def turn(index: int, episode: str = "e", seed: int = 3) -> Prompt:
    chat = shared_policy().chat
    ids = chat.turn_ids(SIZE) if index else chat.opening_ids(SYSTEM, "Turn on WiFi", SIZE)
    return Prompt(episode_id=episode, new_ids=ids, pixels=screenshots(1, seed=index)[0], seed=seed)


def asks(replica: StubReplica) -> list[Ask]:
    return [request for request in replica.asked if isinstance(request, Ask)]


def test_the_next_turn_is_appended_to_the_very_ids_that_were_sampled() -> None:
    async def work(generator: VllmGenerator) -> None:
        for index in range(3):
            await generator.generate(turn(index), SAMPLING)

    (replica,) = with_generator(work)
    image = shared_policy().chat.image_id
    whole = [*turn(0).new_ids, 7, END, *turn(1).new_ids, 7, END, *turn(2).new_ids]
    last = asks(replica)[-1]
    assert last.ids == folded(whole, image)
    assert last.ids.count(image) == len(last.frames) == 3
    assert last.length == len(whole)
    assert (last.temperature, last.top_p, last.max_new_tokens, last.seed) == (0.7, 1.0, 8, 3)


def test_what_was_read_before_is_reported_as_a_share() -> None:
    async def work(generator: VllmGenerator) -> None:
        assert isinstance(generator, OwnProcesses)
        assert generator.take_values() == {"rollout/replicas": 1.0, "rollout/replicas_replaced": 0.0}
        await generator.generate(turn(0), SAMPLING)
        assert generator.take_values()["rollout/prefix_hit_rate"] == pytest.approx(0.5, abs=0.01)
        assert "rollout/prefix_hit_rate" not in generator.take_values()

    with_generator(work)


def test_a_window_that_moves_on_begins_the_context_anew() -> None:
    async def work(generator: VllmGenerator) -> None:
        await generator.generate(turn(0), SAMPLING)
        earlier = (turn(0).pixels,)
        await generator.generate(replace(turn(1), new_ids=turn(0).new_ids + turn(1).new_ids, earlier=earlier), SAMPLING)

    (replica,) = with_generator(work)
    first, second = asks(replica)
    assert second.length == len(turn(0).new_ids) + len(turn(1).new_ids)
    # The screenshot that stayed in sight was not sent again.
    assert len(second.frames) == 2
    assert first.frames[0] == second.frames[0]
    assert len(second.fresh) == 1


def test_screenshots_travel_at_the_size_that_the_model_sees() -> None:
    tall = np.zeros((169, 225, 3), dtype=np.uint8)

    async def work(generator: VllmGenerator) -> None:
        await generator.generate(replace(turn(0), pixels=tall), SAMPLING)

    (replica,) = with_generator(work)
    (pixels,) = asks(replica)[0].fresh.values()
    assert pixels.shape == (168, 224, 3)


def test_weights_go_through_a_file_that_a_returning_engine_still_finds(tmp_path: Path) -> None:
    replica = StubReplica("a")
    policy = shared_policy()

    async def work(generator: VllmGenerator) -> None:
        await generator.push_weights(1, policy.weights())
        await generator.push_weights(2, policy.weights())
        files = list(generator._folder.iterdir())
        assert [file.name for file in files] == ["weights-2.safetensors"]
        replica.dies_of = lambda request: isinstance(request, Ask) and replica.lives == 1
        said = await generator.generate(turn(0), SAMPLING)
        assert said.weight_version == 2
        await generator.push_weights(3, {})
        assert (await generator.generate(turn(1), SAMPLING)).weight_version == 3

    with_generator(work, [replica])
    assert replica.weights == set(policy.weights())


def test_a_part_of_the_weights_is_refused_as_vllm_would_make_up_the_rest() -> None:
    async def work(generator: VllmGenerator) -> None:
        weights = dict(shared_policy().weights())
        missing, _ = weights.popitem()
        with pytest.raises(ModelError, match=f"lack '{missing}'"):
            await generator.push_weights(1, weights)

    (replica,) = with_generator(work)
    assert replica.version == 0


def test_no_file_is_left_behind() -> None:
    folders: list[Path] = []

    async def work(generator: VllmGenerator) -> None:
        folders.append(generator._folder)
        await generator.push_weights(1, shared_policy().weights())

    with_generator(work)
    assert not folders[0].exists()


def test_a_context_that_would_outgrow_the_model_is_refused() -> None:
    async def work(generator: VllmGenerator) -> None:
        with pytest.raises(ContextFull, match=r"generator\.context_length"):
            await generator.generate(turn(0), SAMPLING)

    (replica,) = with_generator(work, context_length=len(turn(0).new_ids) + 7)
    assert not asks(replica)


def test_a_released_episode_begins_anew() -> None:
    async def work(generator: VllmGenerator) -> None:
        await generator.generate(turn(0), SAMPLING)
        generator.release("e")
        generator.release("never seen")
        await generator.generate(turn(0), SAMPLING)

    (replica,) = with_generator(work)
    assert [request.length for request in asks(replica)] == [len(turn(0).new_ids)] * 2
    assert replica.forgotten == ["e"]


def test_a_turn_that_nobody_waits_for_any_more_is_as_if_it_had_not_been_asked() -> None:
    replica = StubReplica("a")

    async def work(generator: VllmGenerator) -> None:
        await generator.generate(turn(0), SAMPLING)
        replica.hold = asyncio.Event()
        dropped = asyncio.ensure_future(generator.generate(turn(1), SAMPLING))
        while len(replica.asked) < 2:
            await asyncio.sleep(0)
        dropped.cancel()
        await asyncio.gather(dropped, return_exceptions=True)
        replica.hold = None
        await generator.generate(turn(1), SAMPLING)

    with_generator(work, [replica])
    _, dropped, again = (request for request in replica.asked if isinstance(request, Ask))
    assert (again.ids, again.frames) == (dropped.ids, dropped.frames)
    assert set(again.fresh) == set(again.frames)  # whatever it has heard, it is told everything
    assert replica.forgotten == ["e"]


def test_it_rests_only_where_it_is_asked_to_and_nothing_is_under_way(caplog: pytest.LogCaptureFixture) -> None:
    async def work(generator: VllmGenerator) -> None:
        await generator.generate(turn(0), SAMPLING)
        await generator.rest()
        generator.release("e")
        await generator.rest()

    (restless,) = with_generator(work)
    (resting,) = with_generator(work, config=VllmGeneratorConfig(sleep=True))
    assert sum(isinstance(request, Rest) for request in restless.asked) == 0
    assert sum(isinstance(request, Rest) for request in resting.asked) == 1
    assert "no sleep here" in caplog.text


def test_a_closed_generator_says_so() -> None:
    async def work(generator: VllmGenerator) -> None:
        await generator.close()
        with pytest.raises(GeneratorLost, match="closed"):
            await generator.generate(turn(0), SAMPLING)
        with pytest.raises(GeneratorLost, match="closed"):
            await generator.push_weights(1, {})

    with_generator(work)


def test_a_shared_memory_that_is_full_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(tensors: object, file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("arpo_engine.inference.vllm_generator.save_file", full)

    async def work(generator: VllmGenerator) -> None:
        with pytest.raises(ModelError, match="make room there"):
            await generator.push_weights(1, shared_policy().weights())

    with_generator(work)


def test_engines_start_with_the_learners_mask_and_the_smaller_context() -> None:
    policy = shared_policy()
    config = parse_config({"generator": {"kind": "vllm", "context_length": 512}, "model": {"dtype": "float32"}})
    assert isinstance(config.generator, VllmGeneratorConfig)
    found = engine_settings(config, config.generator, policy)
    barred = set(found.never_sampled)
    assert policy.chat.image_id in barred
    assert policy.chat.end_id not in barred
    assert set(range(len(policy.tokenizer), policy.module.lm_head.weight.shape[0])) <= barred
    assert found.context_length == 512


def test_a_nucleus_is_refused_for_training_where_its_log_probs_would_be_learnt_from() -> None:
    tree = {"generator": {"kind": "vllm"}, "rollout": {"top_p": 0.9}}
    with pytest.raises(ConfigError, match=r"algorithm\.old_logprobs = recomputed"):
        parse_config(tree)
    assert parse_config({**tree, "kind": "evaluate"}).rollout.top_p == 0.9
    assert parse_config({**tree, "algorithm": {"kind": "grpo", "old_logprobs": "recomputed"}}).rollout.top_p == 0.9

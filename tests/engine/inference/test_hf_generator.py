"""The generator: replies depend on their own seed only, contexts live from turn to turn, new weights take effect."""

import asyncio

import pytest
import torch

from arpo_engine.contract.config.generators import HfGeneratorConfig
from arpo_engine.contract.errors import ContextFull, GeneratorLost, ModelError
from arpo_engine.inference.base import Completion, Prompt, Sampling
from arpo_engine.inference.hf import HfGenerator
from arpo_engine.models import language
from arpo_engine.models.chat import NEVER_SAMPLED
from tests.engine.policies import SAMPLING, SIZE, SYSTEM, play, play_many, screenshots, shared_policy, small_policy

GREEDY = Sampling(temperature=0.0, top_p=1.0, max_new_tokens=6)


def opening(name: str = "e", seed: int = 0) -> Prompt:
    policy = shared_policy()
    return Prompt(
        episode_id=name,
        new_ids=policy.chat.opening_ids(SYSTEM, "Turn on WiFi", SIZE),
        pixels=screenshots(1)[0],
        seed=seed,
    )


def following(name: str = "e", seed: int = 1) -> Prompt:
    return Prompt(
        episode_id=name, new_ids=shared_policy().chat.turn_ids(SIZE), pixels=screenshots(1, seed=9)[0], seed=seed
    )


def test_replies_do_not_depend_on_who_shares_the_batch():
    counts = [3, 1, 4, 2, 3]
    together, alone = (play_many(shared_policy(), counts, max_batch=size) for size in (64, 1))
    for one, other in zip(together, alone, strict=True):
        assert [step.reply_ids for step in one.steps] == [step.reply_ids for step in other.steps]
        for left, right in zip(one.steps, other.steps, strict=True):
            assert left.reply_logprobs == pytest.approx(right.reply_logprobs, abs=1e-4)


def test_another_seed_gives_another_reply():
    first, second = play_many(shared_policy(), [2]), play_many(shared_policy(), [2], seed=5)
    assert [step.reply_ids for step in first[0].steps] != [step.reply_ids for step in second[0].steps]


def test_prompt_tokens_are_never_sampled():
    policy = small_policy()
    barred = {policy.tokenizer.convert_tokens_to_ids(token) for token in NEVER_SAMPLED}
    with torch.no_grad():
        # Even a policy that wants nothing else cannot say them.
        policy.module.lm_head.weight[list(barred)] += 5.0
    said = {token for item in play_many(policy, [3] * 6) for step in item.steps for token in step.reply_ids}
    assert said.isdisjoint(barred)
    assert max(said) < len(policy.tokenizer)


def test_a_reply_ends_with_its_end_of_turn_or_at_the_limit():
    async def run() -> Completion:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        said = await generator.generate(opening(), Sampling(temperature=1.0, top_p=1.0, max_new_tokens=3))
        await generator.close()
        return said

    said = asyncio.run(run())
    assert len(said.ids) == len(said.logprobs) <= 3
    assert said.ended is (said.ids[-1] == shared_policy().chat.end_id)


def test_greedy_takes_the_likeliest_token():
    async def run() -> list[Completion]:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        said = [await generator.generate(opening(f"e{seed}", seed), GREEDY) for seed in (0, 1)]
        await generator.close()
        return said

    first, second = asyncio.run(run())
    assert first.ids == second.ids


def test_top_p_leaves_only_the_likeliest_tokens():
    async def run() -> list[Completion]:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        narrow = Sampling(temperature=1.0, top_p=1e-6, max_new_tokens=6)
        said = [await generator.generate(opening("a"), narrow), await generator.generate(opening("b"), GREEDY)]
        await generator.close()
        return said

    narrow, greedy = asyncio.run(run())
    assert narrow.ids == greedy.ids
    assert narrow.logprobs == pytest.approx(greedy.logprobs, abs=1e-5)


def test_new_weights_are_used_even_in_the_middle_of_an_episode():
    policy, other = small_policy(), small_policy(seed=7)

    async def run() -> tuple[list[Completion], list[Completion]]:
        generator = HfGenerator(policy, HfGeneratorConfig())
        mixed = [await generator.generate(opening(), GREEDY)]
        await generator.push_weights(3, other.weights())
        mixed.append(await generator.generate(following(), GREEDY))
        # The same context under the new weights from the start, the first reply given as it was.
        fresh = HfGenerator(other, HfGeneratorConfig())
        chat, first, second = policy.chat, opening(), following()
        whole = Prompt(episode_id="e", new_ids=(*first.new_ids, *mixed[0].ids), pixels=first.pixels)
        context = fresh._contexts.setdefault("e", type(generator._contexts["e"])())
        context.ids += whole.new_ids
        context.frames += generator._contexts["e"].frames[:1]
        context.grids.append(chat.patches.grid(*SIZE))
        plain = [await fresh.generate(second, GREEDY)]
        await generator.close()
        await fresh.close()
        return mixed, plain

    mixed, plain = asyncio.run(run())
    assert [said.weight_version for said in mixed] == [0, 3]
    assert mixed[1].ids == plain[0].ids
    assert mixed[1].logprobs == pytest.approx(plain[0].logprobs, abs=1e-5)


def test_what_is_reused_from_turn_to_turn_is_told_and_new_weights_end_it():
    async def go() -> None:
        generator = HfGenerator(small_policy(), HfGeneratorConfig())
        first = await generator.generate(opening(), SAMPLING)
        assert generator.take_reuse() == 0.0
        await generator.generate(following(), SAMPLING)
        # The last sampled token was never read, so it is read with the next turn.
        kept = len(opening().new_ids) + len(first.ids) - 1
        assert generator.take_reuse() == pytest.approx(kept / (kept + 1 + len(following().new_ids)))
        await generator.push_weights(1, generator.policy.weights())
        await generator.generate(following(seed=2), SAMPLING)
        assert generator.take_reuse() == 0.0
        await generator.close()

    asyncio.run(go())


def test_shared_weights_need_no_copy_but_a_new_version():
    policy = small_policy()

    async def run() -> tuple[Completion, Completion]:
        generator = HfGenerator(policy, HfGeneratorConfig())
        before = await generator.generate(opening("a"), GREEDY)
        with torch.no_grad():
            for weight in policy.module.parameters():
                weight.mul_(1.5)
        await generator.push_weights(1, {})
        after = await generator.generate(opening("b"), GREEDY)
        await generator.close()
        return before, after

    before, after = asyncio.run(run())
    assert after.weight_version == 1
    assert before.logprobs != pytest.approx(after.logprobs, abs=1e-3)


def test_an_unknown_weight_is_refused_by_name():
    async def run() -> None:
        await HfGenerator(small_policy(), HfGeneratorConfig()).push_weights(1, {"no.such.weight": torch.zeros(1)})

    with pytest.raises(ModelError, match=r"no\.such\.weight"):
        asyncio.run(run())


def test_a_context_that_would_outgrow_the_model_is_refused():
    async def run() -> None:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        try:
            await play(generator, shared_policy(), "long", screenshots(20))
        finally:
            await generator.close()

    with pytest.raises(ContextFull, match=r"lower rollout\.max_steps"):
        asyncio.run(run())


def test_a_released_episode_begins_anew():
    async def run() -> tuple[Completion, Completion]:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        first = await generator.generate(opening(), SAMPLING)
        generator.release("e")
        generator.release("never seen")
        second = await generator.generate(opening(), SAMPLING)
        await generator.close()
        return first, second

    first, second = asyncio.run(run())
    assert first.ids == second.ids


def test_a_closed_generator_says_so():
    async def run() -> None:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        await generator.close()
        await generator.close()
        await generator.generate(opening(), SAMPLING)

    with pytest.raises(GeneratorLost, match="closed"):
        asyncio.run(run())


def test_an_error_while_sampling_reaches_the_episodes_and_the_next_batch_works(monkeypatch: pytest.MonkeyPatch):
    async def run() -> Completion:
        generator = HfGenerator(shared_policy(), HfGeneratorConfig())
        with monkeypatch.context() as patch:
            patch.setattr(generator, "_answer", lambda batch: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                await generator.generate(opening("a"), SAMPLING)
        said = await generator.generate(opening("b"), SAMPLING)
        await generator.close()
        return said

    assert asyncio.run(run()).ids


def test_a_model_that_the_passes_do_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(language, "fits", lambda *_: False)
    with pytest.raises(ModelError, match="sliding-window"):
        HfGenerator(shared_policy(), HfGeneratorConfig())

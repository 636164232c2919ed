import asyncio

from arpo_engine.inference.base import Prompt, Sampling
from arpo_engine.inference.scripted import ScriptedGenerator
from tests.engine.policies import SAMPLING, screenshots, shared_policy

SCRIPT = ["Thought: click Save", "Thought: done"]


def ask(generator: ScriptedGenerator, sampling: Sampling = SAMPLING):
    prompt = Prompt(episode_id="e", new_ids=(1,), pixels=screenshots(1)[0])
    return asyncio.run(generator.generate(prompt, sampling))


def test_says_its_script_turn_by_turn_and_starts_over_when_released():
    chat = shared_policy().chat
    generator = ScriptedGenerator(chat, lambda episode, turn: SCRIPT[turn])
    said = [ask(generator), ask(generator)]
    assert [chat.decode(item.ids) for item in said] == SCRIPT
    assert all(item.ended for item in said)
    generator.release("e")
    assert chat.decode(ask(generator).ids) == SCRIPT[0]


def test_a_long_reply_is_cut_off_as_a_sampled_one():
    generator = ScriptedGenerator(shared_policy().chat, lambda episode, turn: "click " * 20)
    said = ask(generator)
    assert len(said.ids) == SAMPLING.max_new_tokens
    assert not said.ended


def test_a_pushed_version_is_stamped_on_replies():
    generator = ScriptedGenerator(shared_policy().chat, lambda episode, turn: "done")
    asyncio.run(generator.push_weights(4, {}))
    assert ask(generator).weight_version == 4
    asyncio.run(generator.close())

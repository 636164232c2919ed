"""Sampling by a server of chat completions, against a real one here: what is sent, waited out and refused."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.config.generators import OpenAiGeneratorConfig
from arpo_engine.contract.config.parts import RewardConfig
from arpo_engine.contract.errors import ConfigError, ContextFull, GeneratorLost, ModelError
from arpo_engine.contract.events import EpisodeEnded, EpisodeStepTaken
from arpo_engine.contract.outcomes import EndedBy, Fault, Split
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.contract.servers import GATE_VARIABLE, ServerGate, ServerRefused
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.inference import chat_server
from arpo_engine.inference.base import Completion, Prompt, Sampling, Words
from arpo_engine.inference.openai import OpenAiGenerator
from arpo_engine.rollout.episode import EpisodeRunner
from arpo_engine.rollout.plans import Planner
from arpo_engine.types import Trajectory
from tests.engine.fakes import ClickingDesktops, WordAgent, frame, make_task
from tests.engine.inference.chat_stub import MODEL, ChatStub, Said, chat_stub, refusal, reply

SAMPLING = Sampling(temperature=0.6, top_p=0.9, max_new_tokens=400)


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    with chat_stub() as running:
        yield running


def config(stub: ChatStub, **changes: Any) -> OpenAiGeneratorConfig:
    return OpenAiGeneratorConfig(**{"base_urls": (stub.url,), "retries": 2, "retry_wait_s": 0.0, **changes})


def prompt(turn: int = 0, episode: str = "e1") -> Prompt:
    words = Words(system="Be good.", user="Do it.") if turn == 0 else Words()
    return Prompt(episode_id=episode, new_ids=(), pixels=frame(turn), words=words, seed=100 + turn)


def windowed(turn: int, **words: Any) -> Prompt:
    """A turn that sees one screenshot besides its own."""
    anew = Words(system="Be good.", user="Do it.", **words)
    return replace(prompt(turn), words=anew, earlier=(frame(turn - 1),))


def ask(stub: ChatStub, *prompts: Prompt, **changes: Any) -> list[Completion]:
    async def main() -> list[Completion]:
        generator = OpenAiGenerator(config(stub, **changes))
        try:
            return [await generator.generate(one, SAMPLING) for one in prompts]
        finally:
            await generator.close()

    return asyncio.run(main())


def roles(request: dict[str, Any]) -> list[tuple[str, str]]:
    def shown(content: Any) -> str:
        return content if isinstance(content, str) else "+".join(part["type"] for part in content)

    return [(message["role"], shown(message["content"])) for message in request["messages"]]


def test_a_conversation_goes_out_whole_with_its_screenshots_and_settings(stub: ChatStub):
    stub.script = lambda number, request: reply(f"reply {number}", tokens=11)
    first, second = ask(stub, prompt(0), prompt(1))
    assert (first.text, first.ended, first.unlisted_tokens, first.ids, first.logprobs) == ("reply 0", True, 11, (), ())
    assert second.text == "reply 1"
    sent = stub.requests[1]
    assert roles(sent) == [
        ("system", "Be good."), ("user", "Do it."), ("user", "image_url"), ("assistant", "reply 0"),
        ("user", "image_url"),
    ]  # fmt: skip
    assert {name: sent[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed")} == {
        "model": MODEL, "temperature": 0.6, "top_p": 0.9, "max_tokens": 400, "seed": 101,
    }  # fmt: skip


def test_a_screenshot_is_a_data_url_that_loses_no_pixel(stub: ChatStub):
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
    ask(stub, Prompt(episode_id="e", new_ids=(), pixels=pixels, words=Words(caption="Look")))
    ((image, caption),) = [message["content"] for message in stub.requests[0]["messages"]]
    kind, data = image["image_url"]["url"].split(",")
    assert kind == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert np.array_equal(np.asarray(picture), pixels)
    assert caption == {"type": "text", "text": "Look"}


def test_only_the_newest_screenshots_are_sent_and_the_words_stay(stub: ChatStub):
    ask(stub, prompt(0), prompt(1), windowed(2), windowed(3))
    assert roles(stub.requests[3]) == [
        ("system", "Be good."), ("user", "Do it."), ("assistant", "finish"), ("assistant", "finish"),
        ("user", "image_url"), ("assistant", "finish"), ("user", "image_url"),
    ]  # fmt: skip


def test_a_context_that_leaves_replies_out_begins_with_what_was_done(stub: ChatStub):
    ask(stub, prompt(0), prompt(1), windowed(2, old_replies=False, first_caption="Done: x"))
    assert roles(stub.requests[2]) == [
        ("system", "Be good."), ("user", "Do it."), ("user", "image_url+text"), ("assistant", "finish"),
        ("user", "image_url"),
    ]  # fmt: skip
    assert stub.requests[2]["messages"][2]["content"][1]["text"] == "Done: x"


def test_a_reply_that_was_cut_off_did_not_end(stub: ChatStub):
    stub.script = lambda number, request: reply("Thought: I", finish="length")
    assert not ask(stub, prompt())[0].ended


def test_the_parts_of_a_reply_are_put_together_and_none_is_empty(stub: ChatStub):
    contents = [[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], None]
    stub.script = lambda number, request: reply(contents[number])
    assert [one.text for one in ask(stub, prompt(0), prompt(1))] == ["ab", ""]


def test_the_key_is_read_from_the_environment_and_sent(stub: ChatStub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_API_KEY", "sk-1")
    ask(stub, prompt(), api_key_env="MY_API_KEY")
    assert stub.keys == ["Bearer sk-1"]


def test_a_secret_of_another_name_cannot_be_asked_for():
    with pytest.raises(ValidationError, match="api_key_env"):
        OpenAiGeneratorConfig(api_key_env="DATABASE_URL")


@pytest.mark.parametrize(
    "trouble",
    [refusal(429, "busy", Retry_After="0"), refusal(503, "loading"), Said(b"<html>", 200), Said({"choices": []})],
    ids=["429", "503", "html", "no choice"],
)
def test_trouble_that_may_pass_is_waited_out(stub: ChatStub, trouble: Said):
    stub.script = lambda number, request: trouble if number < 2 else reply("at last")
    assert ask(stub, prompt())[0].text == "at last"
    assert len(stub.requests) == 3


def test_trouble_that_stays_loses_the_generator_with_what_the_server_said(stub: ChatStub):
    stub.script = lambda number, request: refusal(500, "CUDA out of memory")
    with pytest.raises(GeneratorLost, match=r"answered 500: CUDA out of memory \(asked 3 times\)"):
        ask(stub, prompt())


def test_the_pause_that_a_server_asks_for_is_kept_within_bounds():
    assert [chat_server._seconds(text) for text in ("2", "99999", "-1", None, "Wed, 21 Oct 2026 07:28:00 GMT")] == [
        2.0, 60.0, 0.0, None, None,
    ]  # fmt: skip


def test_a_server_that_does_not_answer_in_time_is_named_with_the_setting(stub: ChatStub):
    hold = threading.Event()
    stub.script = lambda number, request: Said({}, hold=hold)
    try:
        with pytest.raises(GeneratorLost, match=r"no answer within generator\.timeout_s = 0\.05 s"):
            ask(stub, prompt(), timeout_s=0.05, retries=0)
    finally:
        hold.set()


def test_a_server_that_is_not_there_is_named():
    with chat_stub() as gone:
        pass
    with pytest.raises(GeneratorLost, match="cannot be reached"):
        ask(gone, prompt())


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        (refusal(401, "bad key"), ModelError, "generator.api_key_env names"),
        (refusal(404, "model x not found"), ModelError, "check generator.base_urls"),
        (refusal(400, "At most 5 image(s) may be provided"), ModelError, "At most 5 image.*agent.history_images"),
        (refusal(400, "This model's maximum context length is 64 tokens"), ContextFull, "maximum context"),
        (refusal(307, "go elsewhere"), ModelError, "answered 307"),
    ],
)
def test_what_will_not_pass_is_told_at_once_with_the_cure(stub: ChatStub, said: Said, error: type, sentence: str):
    stub.script = lambda number, request: said
    with pytest.raises(error, match=sentence):
        ask(stub, prompt())
    assert len(stub.requests) == 1


def test_an_answer_of_more_bytes_than_any_reply_has_is_refused(stub: ChatStub, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(chat_server, "MOST_BYTES", 1000)
    stub.script = lambda number, request: reply("x" * 1000)
    with pytest.raises(ModelError, match="more than 1,000 bytes"):
        ask(stub, prompt())


def test_closing_ends_a_request_that_waits(stub: ChatStub):
    hold = threading.Event()
    stub.script = lambda number, request: Said({}, hold=hold)

    async def main() -> None:
        generator = OpenAiGenerator(config(stub, retries=0))
        waiting = asyncio.create_task(generator.generate(prompt(), SAMPLING))
        await asyncio.to_thread(stub.asked.wait, 30)
        await generator.close()
        with pytest.raises(GeneratorLost):
            await waiting
        with pytest.raises(GeneratorLost, match="closed"):
            await generator.generate(prompt(), SAMPLING)

    try:
        asyncio.run(main())
    finally:
        hold.set()


def test_an_episode_stays_at_one_of_several_servers(stub: ChatStub):
    with chat_stub() as other:
        ask(stub, *[prompt(turn, f"e{n}") for n in range(8) for turn in range(2)], base_urls=(stub.url, other.url))
        assert len(stub.requests) + len(other.requests) == 16
        assert stub.requests
        assert other.requests
        # Second turns come with the first reply in them, so each server knows the conversations that it has.
        for server in (stub, other):
            assert sum(len(roles(request)) == 5 for request in server.requests) == len(server.requests) / 2


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        (Said({"data": [{"id": "qwen"}]}), "no model 'ui-tars'; set generator.model to one of: qwen"),
        (Said(b"hello"), "start the server, or change generator.base_urls"),
        (refusal(401, "no key"), "api_key_env"),
    ],
)
def test_a_server_without_the_model_is_told_before_a_desktop_starts(stub: ChatStub, models: Said, sentence: str):
    stub.models = models
    with pytest.raises(ModelError, match=sentence):
        asyncio.run(OpenAiGenerator(config(stub)).check())


def test_a_server_that_tells_no_models_is_taken_at_its_word(stub: ChatStub):
    stub.models = refusal(404, "no such page")
    assert asyncio.run(OpenAiGenerator(config(stub)).check()) == "1 server with the model ui-tars"


def test_training_with_a_server_is_refused_with_the_reason(stub: ChatStub):
    tree = {"generator": {"kind": "openai"}}
    with pytest.raises(ConfigError, match=r"generator\.kind: 'openai' cannot be trained with.*no token ids.*use hf"):
        parse_config({"kind": "train", **tree})
    assert parse_config({"kind": "evaluate", **tree}).model_name == "ui-tars"
    with pytest.raises(ModelError, match="takes no new weights"):
        asyncio.run(OpenAiGenerator(config(stub)).push_weights(1, {}))


def test_a_config_from_before_there_was_a_choice_still_samples_by_itself():
    assert parse_config({"generator": {"max_new_tokens": 9}}).generator.kind == "hf"


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8000", "ftp://host/v1", "http:///v1", "http://host/v1?key=1", "http://127.0.0.1:99999/v1",
        "http://127.0.0.1:9000:9001/v1", "http://[::1/v1",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(ConfigError, match=r"no server's address; write it like"):
        parse_config({"kind": "evaluate", "generator": {"kind": "openai", "base_urls": [url]}})


def test_a_key_in_an_address_is_refused_and_not_told():
    tree = {"kind": "evaluate", "generator": {"kind": "openai", "base_urls": ["http://me:sk-1@127.0.0.1:8000/v1"]}}
    with pytest.raises(ConfigError, match=r"put a key into the variable that api_key_env names") as refused:
        parse_config(tree)
    assert "sk-1" not in str(refused.value)


def play(stub: ChatStub) -> tuple[Trajectory, list[Any]]:
    """One whole episode on a desktop, its agent answered by the server."""

    async def main() -> tuple[Trajectory, list[Any]]:
        sink = MemorySink()
        pool = DesktopPool([ClickingDesktops(size=1)], reset_timeout_s=30.0, step_timeout_s=30.0, restarts=1, sink=sink)
        generator = OpenAiGenerator(config(stub, retries=0))
        runner = EpisodeRunner(
            pool=pool,
            generator=generator,
            agent=WordAgent(),
            chat=None,
            sink=sink,
            reward=RewardConfig(),
            timeout_s=30.0,
        )
        planner = Planner(run_seed=0, attempt=1, max_steps=4, sample_every=1)
        (plan,) = planner.measurement([make_task()], attempts=1, split=Split.EVALUATION, step=1, sampling=SAMPLING)
        try:
            return await runner.run(plan), sink.events
        finally:
            await generator.close()

    return asyncio.run(main())


def test_an_episode_is_played_in_words_and_its_tokens_are_counted(stub: ChatStub):
    stub.script = lambda number, request: reply(("click", "finish")[number], tokens=5)
    trajectory, events = play(stub)
    assert (trajectory.score, trajectory.ended_by, trajectory.tokens) == (1.0, EndedBy.FINISHED, 10)
    assert [event.raw_text for event in events if isinstance(event, EpisodeStepTaken)] == ["click", "finish"]
    assert roles(stub.requests[0])[:2] == [("system", "system"), ("user", "do t1")]


def test_a_server_that_dies_is_a_fault_and_no_failure(stub: ChatStub):
    stub.script = lambda number, request: reply("click") if number == 0 else refusal(502, "gone")
    trajectory, events = play(stub)
    assert (trajectory.score, trajectory.fault) == (None, Fault.GENERATOR_LOST)
    assert [event.score for event in events if isinstance(event, EpisodeEnded)] == [None]


def test_a_conversation_that_outgrows_the_context_ends_the_episode_and_is_scored(stub: ChatStub):
    stub.script = lambda number, request: reply("click") if number == 0 else refusal(400, "maximum context length is 9")
    trajectory, _ = play(stub)
    assert (trajectory.ended_by, trajectory.score) == (EndedBy.CONTEXT_FULL, 1.0)


def test_a_reply_of_ten_megabytes_is_an_unreadable_reply(stub: ChatStub):
    stub.script = lambda number, request: reply("A" * 10_000_000)
    trajectory, _ = play(stub)
    assert (trajectory.ended_by, trajectory.score) == (EndedBy.UNREADABLE_REPLY, 0.0)


def gated(monkeypatch: pytest.MonkeyPatch, gate: ServerGate) -> None:
    monkeypatch.setenv(GATE_VARIABLE, gate.as_text())
    monkeypatch.setenv("OPENAI_API_KEY", "sk-machine")


def test_the_machines_key_goes_to_listed_servers_only(stub: ChatStub, monkeypatch: pytest.MonkeyPatch):
    gated(monkeypatch, ServerGate())
    ask(stub, prompt())
    gated(monkeypatch, ServerGate(listed=("127.0.0.0/8",)))
    ask(stub, prompt())
    assert stub.keys == [None, "Bearer sk-machine"]


def test_a_server_that_wants_the_key_it_did_not_get_says_who_can_list_it(
    stub: ChatStub, monkeypatch: pytest.MonkeyPatch
):
    gated(monkeypatch, ServerGate())
    stub.models = refusal(401, "no key")
    with pytest.raises(ModelError, match=r"it got no key, since it is not listed.*ARPO_MODEL_SERVERS"):
        asyncio.run(OpenAiGenerator(config(stub)).check())


@pytest.mark.parametrize("found", ["169.254.169.254", "93.184.216.34"])
def test_a_name_is_judged_by_where_it_leads_and_nothing_is_connected_to(monkeypatch: pytest.MonkeyPatch, found: str):
    def look_up(host: str, port: int, **words: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (found, port))]

    def connect(*words: object) -> None:
        raise AssertionError("a socket was made")

    server = chat_server.ChatServer("http://innocent.example/v1", key="sk", timeout_s=1.0, gate=ServerGate())
    monkeypatch.setattr(chat_server.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(chat_server.socket, "socket", connect)
    with pytest.raises(ServerRefused, match=rf"innocent\.example \({found}\)"):
        server.models()


def test_a_name_with_several_addresses_leads_to_one_that_is_allowed(stub: ChatStub, monkeypatch: pytest.MonkeyPatch):
    gated(monkeypatch, ServerGate())
    address = socket.getaddrinfo("127.0.0.1", int(stub.url.split(":")[2].split("/")[0]), type=socket.SOCK_STREAM)
    elsewhere = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    monkeypatch.setattr(chat_server.socket, "getaddrinfo", lambda *words, **more: [elsewhere, *address])
    ask(stub, prompt(), base_urls=(stub.url.replace("127.0.0.1", "two.example"),))
    assert len(stub.requests) == 1


def test_a_server_that_leads_elsewhere_is_not_followed(stub: ChatStub, monkeypatch: pytest.MonkeyPatch):
    gated(monkeypatch, ServerGate(anywhere=True))
    stub.script = lambda number, request: Said(b"", 307, {"Location": "http://169.254.169.254/latest/meta-data"})
    with pytest.raises(ModelError, match="it leads elsewhere, and that is not followed"):
        ask(stub, prompt())
    assert len(stub.requests) == 1

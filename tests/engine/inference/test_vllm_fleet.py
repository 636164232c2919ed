"""Several engines: episodes stay where they are, a dead engine is replaced, and nothing that was sampled is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from arpo_engine.contract.errors import GeneratorLost, ModelError
from arpo_engine.inference.vllm_fleet import Asking, Fleet
from arpo_engine.inference.vllm_wire import Ask, Push, Request, Said
from tests.engine.inference.vllm_stub import StubReplica

FRAME = np.zeros((28, 28, 3), dtype=np.uint8)


def with_fleet(
    replicas: Sequence[StubReplica],
    work: Callable[[Fleet], Awaitable[None]],
    *,
    restarts: int = 2,
    timeout_s: float = 30.0,
) -> Fleet:
    async def main() -> Fleet:
        fleet = Fleet(replicas, restarts=restarts, timeout_s=timeout_s)
        await fleet.open()
        try:
            await work(fleet)
        finally:
            await fleet.close()
        return fleet

    return asyncio.run(main())


def turn(episode: str, frames: int = 1) -> Asking:
    keys = tuple(bytes([number]) for number in range(frames))

    def asking(held: Mapping[bytes, object]) -> Ask:
        return Ask(
            number=0,
            episode=episode,
            ids=(1, 2),
            length=10,
            frames=keys,
            fresh={key: FRAME for key in keys if key not in held},
            temperature=1.0,
            top_p=1.0,
            max_new_tokens=4,
            seed=0,
        )

    return asking


def is_ask(request: Request) -> bool:
    return isinstance(request, Ask)


def asks(replica: StubReplica) -> list[Ask]:
    return [request for request in replica.asked if isinstance(request, Ask)]


def test_an_episode_stays_with_its_engine_and_others_go_where_there_is_room() -> None:
    replicas = [StubReplica("a"), StubReplica("b")]

    async def work(fleet: Fleet) -> None:
        for _ in range(3):
            for episode in ("e1", "e2", "e3", "e4"):
                await fleet.ask(episode, turn(episode))

    with_fleet(replicas, work)
    homes = [{request.episode for request in asks(replica)} for replica in replicas]
    assert homes == [{"e1", "e3"}, {"e2", "e4"}]


def test_a_screenshot_is_sent_once_to_an_engine() -> None:
    replica = StubReplica("a")

    async def work(fleet: Fleet) -> None:
        for frames in (1, 2, 3):
            await fleet.ask("e", turn("e", frames))

    with_fleet([replica], work)
    assert [sorted(request.fresh) for request in asks(replica)] == [[b"\x00"], [b"\x01"], [b"\x02"]]


def test_an_episode_that_is_over_leaves_room_and_is_forgotten_there() -> None:
    replica = StubReplica("a")

    async def work(fleet: Fleet) -> None:
        await fleet.ask("e", turn("e"))
        fleet.forget("e")
        fleet.forget("never seen")
        await fleet.ask("e", turn("e"))

    with_fleet([replica], work)
    assert replica.forgotten == ["e"]
    assert [len(request.fresh) for request in asks(replica)] == [1, 1]


def test_the_episodes_of_an_engine_that_dies_go_on_with_another_and_it_comes_back() -> None:
    first, second = StubReplica("a"), StubReplica("b")
    first.dies_of = lambda request: is_ask(request) and first.lives == 1 and len(asks(first)) == 2

    async def work(fleet: Fleet) -> None:
        await fleet.ask("e", turn("e", 1))
        said = await fleet.ask("e", turn("e", 2))
        assert isinstance(said, Said)
        while fleet.alive < 2:
            await asyncio.sleep(0)

    fleet = with_fleet([first, second], work)
    # The other engine had seen nothing of the episode: it got everything.
    assert [sorted(request.fresh) for request in asks(second)] == [[b"\x00", b"\x01"]]
    assert (first.lives, second.lives, fleet.replaced) == (2, 1, 1)


def test_a_lonely_engine_is_waited_for() -> None:
    replica = StubReplica("a")
    replica.dies_of = lambda request: is_ask(request) and replica.lives == 1

    async def work(fleet: Fleet) -> None:
        said = await asyncio.gather(*(fleet.ask(name, turn(name)) for name in ("e1", "e2", "e3")))
        assert len(said) == 3

    with_fleet([replica], work)
    assert replica.lives == 2


def test_an_engine_that_comes_back_has_the_newest_weights_before_it_is_asked(tmp_path: Path) -> None:
    replica = StubReplica("a")
    replica.dies_of = lambda request: is_ask(request) and replica.lives == 1
    save_file({"w": torch.zeros(1)}, tmp_path / "w")

    async def work(fleet: Fleet) -> None:
        await fleet.push(Push(number=0, version=5, update={"path": str(tmp_path / "w")}))
        said = await fleet.ask("e", turn("e"))
        assert said.version == 5

    with_fleet([replica], work)
    assert replica.weights == {"w"}


def test_a_push_that_kills_an_engine_reaches_its_successor() -> None:
    first, second = StubReplica("a"), StubReplica("b")
    first.dies_of = lambda request: isinstance(request, Push) and first.lives == 1

    async def work(fleet: Fleet) -> None:
        await fleet.push(Push(number=0, version=3, update={}))
        while fleet.alive < 2:
            await asyncio.sleep(0)

    with_fleet([first, second], work)
    assert (first.version, second.version) == (3, 3)


def test_without_restarts_the_others_take_over_and_the_last_one_ends_it() -> None:
    first, second = StubReplica("a"), StubReplica("b")
    first.dies_of = is_ask
    second.dies_of = lambda request: is_ask(request) and request.episode == "last"  # type: ignore[union-attr]

    async def work(fleet: Fleet) -> None:
        await fleet.ask("e1", turn("e1"))
        await fleet.ask("e2", turn("e2"))
        with pytest.raises(GeneratorLost, match=r"generator\.restarts is used up"):
            await fleet.ask("last", turn("last"))

    with_fleet([first, second], work, restarts=0)


def test_a_request_that_kills_every_engine_is_given_up() -> None:
    replica = StubReplica("a")
    replica.dies_of = lambda request: is_ask(request) and request.episode == "poison"  # type: ignore[union-attr]

    async def work(fleet: Fleet) -> None:
        with pytest.raises(GeneratorLost, match="3 engines died of one reply of poison"):
            await fleet.ask("poison", turn("poison"))
        await fleet.ask("e", turn("e"))

    with_fleet([replica], work, restarts=9)


def test_an_engine_that_hangs_is_replaced() -> None:
    replica = StubReplica("a")

    async def work(fleet: Fleet) -> None:
        replica.hold = asyncio.Event()
        asking = asyncio.create_task(fleet.ask("e", turn("e")))
        while replica.lives < 2:
            await asyncio.sleep(0.01)
        replica.hold = None
        assert (await asking).ids

    with_fleet([replica], work, timeout_s=0.05)


def test_an_engine_that_cannot_come_back_is_tried_as_often_as_there_are_restarts() -> None:
    replica = StubReplica("a")
    replica.dies_of = is_ask
    replica.refuses_to_start = lambda life: life > 1

    async def work(fleet: Fleet) -> None:
        with pytest.raises(GeneratorLost, match="no engine"):
            await fleet.ask("e", turn("e"))

    with_fleet([replica], work, restarts=3)
    assert replica.lives == 4


def test_engines_that_cannot_start_say_why_and_leave_none_behind() -> None:
    good, bad = StubReplica("a"), StubReplica("b")
    bad.refuses_to_start = lambda life: True
    with pytest.raises(ModelError, match="vLLM cannot start: b has died; it said last: no room"):
        with_fleet([good, bad], lambda fleet: asyncio.sleep(0))
    assert not good.alive

"""The gate before a model: replies go through side by side, a change of weights only alone."""

from __future__ import annotations

import asyncio

from arpo_engine.inference.vllm_desk import Gate


def test_replies_pass_together_and_a_change_waits_for_them() -> None:
    seen: list[str] = []

    async def reply(gate: Gate, name: str, done: asyncio.Event) -> None:
        async with gate.passing():
            seen.append(f"{name} in")
            await done.wait()
            seen.append(f"{name} out")

    async def change(gate: Gate) -> None:
        async with gate.closed():
            seen.append("change")

    async def main() -> None:
        gate, first, second = Gate(), asyncio.Event(), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(reply(gate, "a", first))
            group.create_task(reply(gate, "b", first))
            await asyncio.sleep(0)
            group.create_task(change(gate))
            await asyncio.sleep(0)
            second.set()
            # It comes while the change waits, and goes in after it.
            group.create_task(reply(gate, "c", second))
            await asyncio.sleep(0)
            assert seen == ["a in", "b in"]
            first.set()

    asyncio.run(main())
    assert seen == ["a in", "b in", "a out", "b out", "change", "c in", "c out"]


def test_a_change_that_fails_opens_the_gate_again() -> None:
    async def main() -> str:
        gate = Gate()
        try:
            async with gate.closed():
                raise ValueError("no weights")
        except ValueError:
            async with gate.passing():
                return "in"

    assert asyncio.run(main()) == "in"


def test_two_changes_come_one_after_the_other() -> None:
    at_once, most = 0, 0

    async def change(gate: Gate) -> None:
        nonlocal at_once, most
        async with gate.closed():
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    async def main() -> None:
        gate = Gate()
        await asyncio.gather(*(change(gate) for _ in range(3)))

    asyncio.run(main())
    assert most == 1

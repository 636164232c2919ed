"""What stands in for vLLM: a replica inside the test, and a process that speaks the same wire. Neither samples."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from safetensors import safe_open

from arpo_engine.inference.vllm_desk import Desk, ModelGone
from arpo_engine.inference.vllm_replica import EngineLost
from arpo_engine.inference.vllm_wire import (
    Ask,
    Done,
    EngineSettings,
    Forget,
    Frame,
    Push,
    Ready,
    Request,
    Rest,
    Said,
    Shelf,
)

END = 2


def settings(**changes: Any) -> EngineSettings:
    known: dict[str, Any] = {
        "model": "/nowhere",
        "dtype": "float32",
        "context_length": 1024,
        "max_images": 4,
        "max_parallel": 4,
        "tensor_parallel": 1,
        "memory_share": 0.5,
        "kv_cache_gb": None,
        "prefix_caching": True,
        "eager": True,
        "sleep": False,
        "end_id": END,
        "never_sampled": (0, 1),
    }
    return EngineSettings(**{**known, **changes})


def answer(request: Ask, version: int) -> Said:
    """A reply of two ids; half of the context counts as kept."""
    return Said(
        number=request.number,
        ids=(7, END),
        logprobs=(-0.5, -0.25),
        version=version,
        prompt_tokens=request.length,
        cached_tokens=request.length // 2,
    )


@dataclass
class StubReplica:
    """Implements `Replica`; dies and refuses when it is told to."""

    name: str
    lives: int = 0
    alive: bool = False
    version: int = 0
    asked: list[Request] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)
    weights: set[str] = field(default_factory=set)
    forgotten: list[str] = field(default_factory=list)
    dies_of: Callable[[Request], bool] = lambda request: False
    refuses_to_start: Callable[[int], bool] = lambda life: False
    hold: asyncio.Event | None = None
    """Replies wait for it."""

    async def start(self) -> Ready:
        self.lives += 1
        if self.refuses_to_start(self.lives):
            raise EngineLost(f"{self.name} has died; it said last: no room")
        self.alive, self.shelf, self.version = True, Shelf(), 0
        return Ready(device="cpu", version="0")

    async def call(self, request: Request) -> Said | Done:
        if not self.alive:
            raise EngineLost(f"{self.name} was not started")
        self.asked.append(request)
        if self.dies_of(request):
            self.alive = False
            raise EngineLost(f"{self.name} has died")
        if isinstance(request, Ask):
            if self.hold is not None:
                await self.hold.wait()
            held = self.shelf.of(request.episode)
            held.update(request.fresh)
            assert all(key in held for key in request.frames), "a screenshot was neither sent nor kept"
            return answer(request, self.version)
        if isinstance(request, Push):
            if request.update:
                with safe_open(str(request.update["path"]), framework="pt") as file:
                    self.weights = set(file.keys())
            self.version = request.version
        return Done(number=0, note="no sleep here" if isinstance(request, Rest) else "")

    def tell(self, request: Forget) -> None:
        self.forgotten.append(request.episode)

    async def close(self) -> None:
        self.alive = False


class StubModel:
    """Answers as `StubReplica` does; some episodes are orders."""

    async def reply(self, ask: Ask, frames: list[Frame]) -> Said:
        if ask.episode == "deadly":
            print("a terrible end", flush=True)  # noqa: T201
            os._exit(3)
        if ask.episode == "last":
            raise ModelGone("its core has died")
        if ask.episode == "wrong":
            raise ValueError("no such thing")
        await asyncio.sleep(0)
        return answer(ask, sum(int(frame[0, 0, 0]) for frame in frames))

    async def take(self, push: Push) -> Done:
        return Done(number=push.number)

    async def rest(self, rest: Rest) -> Done:
        return Done(number=rest.number)


async def speak(connection: Connection, folder: Path) -> None:
    """What `arpo_engine.inference.vllm` does, without vLLM."""
    known: EngineSettings = connection.recv()
    print(f"loading {known.model}", flush=True)  # noqa: T201 - the log of the process is what is tested
    if (folder / "die-at-start").exists():
        sys.exit("no room for the model")
    desk = Desk(connection, StubModel())
    connection.send(Ready(device="cpu", version="stub"))
    (folder / "end").write_text("trainer" if await desk.run() else "model")


if __name__ == "__main__":
    asyncio.run(speak(Connection(int(sys.argv[2])), Path(sys.argv[1])))

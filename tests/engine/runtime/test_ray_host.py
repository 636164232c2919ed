"""The engine's end of a desktop actor, without a cluster: what becomes of calls when the actor is replaced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import ray

from arpo_engine.contract.actions import Click
from arpo_engine.contract.config.desktops import PocketDesktopsConfig
from arpo_engine.contract.errors import DesktopLost
from arpo_engine.desktops.host import Act
from arpo_engine.runtime.cluster.desktops import RayHost
from arpo_engine.runtime.placement import Place


class Actor:
    """Answers when the test says so."""

    def __init__(self) -> None:
        self.run = self
        self.asked: list[asyncio.Future[list[float]]] = []

    def remote(self, calls: list[Any]) -> asyncio.Future[list[float]]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]


def test_calls_to_a_new_actor_do_not_wait_for_what_ray_says_of_the_old_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray, "kill", lambda actor: None)

    async def main() -> None:
        host = RayHost("pocket-0", PocketDesktopsConfig(count=2), Place(size=2))
        old, new = Actor(), Actor()
        click = Act(Click(x=1, y=1))
        host._actor = old
        lost = asyncio.ensure_future(host.call(0, click))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(old.asked) == 1
        await host.close()  # its node is gone, and Ray has not noticed
        host._actor = new
        answer = asyncio.ensure_future(host.call(1, click))
        with pytest.raises(DesktopLost, match="was closed"):
            await asyncio.wait_for(lost, 1)
        await asyncio.sleep(0)
        new.asked[0].set_result([1.0])
        assert await asyncio.wait_for(answer, 1) == 1.0

    asyncio.run(main())

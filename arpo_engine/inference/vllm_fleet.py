"""Several engines that hold the same weights: episodes stay with one of them, and one that dies is replaced.

Knows which engine holds which screenshots and who has newest weights; knows no tokens. While an engine comes back, its
episodes go on with another, which reads their contexts anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arpo_engine.contract.errors import GeneratorLost, ModelError
from arpo_engine.inference.vllm_replica import EngineLost, Replica
from arpo_engine.inference.vllm_wire import Ask, Done, Forget, Push, Ready, Request, Rest, Said, Shelf

log = logging.getLogger(__name__)

TRIES = 3
"""Engines that may die of one request before it is given up: it may be what kills them."""

Asking = Callable[[Mapping[bytes, object]], Ask]
"""Makes the request for an engine that holds these screenshots of the episode already."""


@dataclass(slots=True, eq=False)
class _Seat:
    """One engine and what it holds in its present life."""

    replica: Replica
    alive: bool = False
    shelf: Shelf = field(default_factory=Shelf)
    coming_back: asyncio.Task[None] | None = None


class Fleet:
    """All engines of a run."""

    def __init__(self, replicas: Sequence[Replica], *, restarts: int, timeout_s: float) -> None:
        self._seats = [_Seat(replica) for replica in replicas]
        self._restarts_left, self._timeout_s = restarts, timeout_s
        self._homes: dict[str, _Seat] = {}
        self._newest: Push | None = None
        self._pushing = asyncio.Lock()
        self._changed = asyncio.Condition()
        self.replaced = 0
        """Engines that died and were started again."""

    @property
    def alive(self) -> int:
        """Engines that answer."""
        return sum(seat.alive for seat in self._seats)

    async def open(self) -> Ready:
        """Start all engines side by side.

        Raises:
            ModelError: one cannot start; its own words say why.
        """
        try:
            ready = await asyncio.gather(*(seat.replica.start() for seat in self._seats))
        except EngineLost as error:
            await self.close()
            raise ModelError(f"vLLM cannot start: {error}") from error
        for seat in self._seats:
            seat.alive = True
        return ready[0]

    async def ask(self, episode: str, asking: Asking) -> Said:
        """A reply, from the episode's own engine if that lives.

        Raises:
            GeneratorLost: no engine is left, or several died of this request.
        """
        lost: EngineLost | None = None
        for _ in range(TRIES):
            seat = await self._home(episode)
            request = asking(seat.shelf.of(episode))
            seat.shelf.of(episode).update(dict.fromkeys(request.fresh))
            try:
                said = await self._call(seat, request)
            except EngineLost as error:
                lost = error
                continue
            assert isinstance(said, Said)
            return said
        raise GeneratorLost(f"{TRIES} engines died of one reply of {episode}: {lost}")

    def forget(self, episode: str) -> None:
        """An episode is over."""
        seat = self._homes.pop(episode, None)
        if seat is not None:
            seat.shelf.forget(episode)
            seat.replica.tell(Forget(episode=episode))

    async def push(self, push: Push) -> None:
        """Give all engines new weights; one that is being replaced gets them when it is back.

        Raises:
            GeneratorLost: no engine is left that could take them.
        """
        async with self._pushing:
            self._newest = push
            await self._all(push)
        await self._some_seat()

    async def rest(self) -> list[str]:
        """Let all engines give their memory back; what they remarked."""
        done = await self._all(Rest(number=0))
        return [item.note for item in done if isinstance(item, Done) and item.note]

    async def close(self) -> None:
        """End all engines."""
        self._restarts_left = 0
        returning = [seat.coming_back for seat in self._seats if seat.coming_back is not None]
        for task in returning:
            task.cancel()
        await asyncio.gather(*returning, return_exceptions=True)
        for seat in self._seats:
            seat.alive, seat.coming_back = False, None
        await asyncio.gather(*(seat.replica.close() for seat in self._seats))
        async with self._changed:
            self._changed.notify_all()

    async def _all(self, request: Push | Rest) -> list[Said | Done | EngineLost]:
        """Ask all that live; those that die of it are replaced."""

        async def one(seat: _Seat) -> Said | Done | EngineLost:
            try:
                return await self._call(seat, request)
            except EngineLost as error:
                return error

        return await asyncio.gather(*(one(seat) for seat in self._seats if seat.alive))

    async def _call(self, seat: _Seat, request: Request) -> Said | Done:
        """Ask an engine; whatever way it is lost, its replacement begins here."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return await seat.replica.call(request)
        except TimeoutError as error:
            lost = EngineLost(
                f"{seat.replica.name} gave no answer within generator.timeout_s = {self._timeout_s:g} s; raise it, or "
                "give the machine less to do"
            )
            self._lose(seat, lost)
            raise lost from error
        except EngineLost as error:
            self._lose(seat, error)
            raise

    def _lose(self, seat: _Seat, error: EngineLost) -> None:
        """Everything that an engine held is gone; its episodes move, and it is started again."""
        if not seat.alive:
            return
        seat.alive, seat.shelf = False, Shelf()
        self._homes = {episode: home for episode, home in self._homes.items() if home is not seat}
        log.warning("%s; %d restarts are left", error, self._restarts_left)
        if self._restarts_left > 0:
            self._restarts_left -= 1
            seat.coming_back = _in_background(self._come_back(seat))

    async def _come_back(self, seat: _Seat) -> None:
        try:
            await seat.replica.start()
            async with self._pushing:
                if self._newest is not None:
                    await seat.replica.call(self._newest)
                seat.alive = True
            self.replaced += 1
        except (EngineLost, ModelError) as error:
            log.error("%s could not be replaced: %s", seat.replica.name, error)
            if self._restarts_left > 0:
                self._restarts_left -= 1
                await self._come_back(seat)
                return
        seat.coming_back = None
        async with self._changed:
            self._changed.notify_all()

    async def _home(self, episode: str) -> _Seat:
        home = self._homes.get(episode)
        if home is None or not home.alive:
            home = await self._some_seat()
            self._homes[episode] = home
        return home

    async def _some_seat(self) -> _Seat:
        """The engine with the fewest episodes; waits while all are coming back."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.alive or not any(seat.coming_back for seat in self._seats))
        living = [seat for seat in self._seats if seat.alive]
        if not living:
            raise GeneratorLost(
                "no engine of vLLM is left, and generator.restarts is used up; the run's log has their last words"
            )
        return min(living, key=lambda seat: sum(home is seat for home in self._homes.values()))


def _in_background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work)

"""A button of the page moves a desktop: through the console's answer, the reporter, the pool, and back as an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from arpo_engine.contract.config.parts import FramesConfig
from arpo_engine.contract.reporting import RunRecorder
from arpo_engine.contract.reporting import reporter as reporter_module
from arpo_engine.desktops.pool import DesktopPool
from arpo_engine.desktops.watch import PoolWatch
from tests.engine.fakes import ClickingDesktops
from tests.web.builders import started
from webapp.accounts.models import User
from webapp.fleet.models import Desktop, Order
from webapp.runs.models import Run, RunAttempt

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("valkey")]

PATIENCE_S = 60.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await sync_to_async(condition)():
            await asyncio.sleep(0.05)


def test_an_order_reaches_the_pool_and_its_outcome_the_page(
    live_server: LiveServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,
    runner: User,
    engine: tuple[RunAttempt, str],
) -> None:
    monkeypatch.setattr(reporter_module, "HEARTBEAT_S", 0.2)
    person = Client()
    person.force_login(runner)
    recorder = RunRecorder(
        tmp_path / "run", 1, frames=FramesConfig(), report_to=live_server.url, run_id=run.pk, token=engine[1]
    )

    def phase(name: str) -> str:
        return Desktop.objects.filter(name=name).values_list("phase", flat=True).first() or ""

    async def order(name: str, action: str) -> None:
        row = await Desktop.objects.aget(name=name)
        answer = await sync_to_async(person.post)(f"/fleet/desktops/{row.pk}/{action}/")
        assert answer.status_code == 302
        settled = Order.objects.filter(action=action, state=Order.State.DONE)
        await until(settled.exists)

    async def play() -> None:
        host = ClickingDesktops("fake-0", 2)
        pool = DesktopPool([host], reset_timeout_s=5.0, step_timeout_s=5.0, restarts=2, sink=recorder)
        recorder.emit(started())
        async with PoolWatch(pool, recorder, every_s=0.1):
            await until(lambda: phase("fake-0/1") == "spare")
            await order("fake-0/1", "quarantine")
            await until(lambda: phase("fake-0/1") == "quarantined")
            assert (await pool.lease()).name == "fake-0/0"
            await order("fake-0/1", "release")
            assert (await pool.lease()).name == "fake-0/1"
            await order("fake-0/0", "restart")
            assert host.restarts == 1
        await until(lambda: phase("fake-0/0") == "gone")
        await pool.close()

    try:
        asyncio.run(play())
    finally:
        recorder.close()

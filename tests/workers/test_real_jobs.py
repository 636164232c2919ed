"""A job on a real Ray that has never seen our checkout: the code comes with it. Slow, since a head must start."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from arpo_engine.contract.config import RunConfig
from webapp.supervisor.logs import RotatingLog
from webapp.supervisor.process import Process
from webapp.supervisor.rayhead import READY_WITHIN_S, RayHead
from workers import launcher
from workers.preflights import checks_in

pytestmark = [pytest.mark.slow, pytest.mark.django_db]
ENDS_WITHIN_S = 600.0


def outward_address() -> str:
    """An address of this machine that is not its loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        if probe.connect_ex(("203.0.113.1", 9)) == 0:
            return str(probe.getsockname()[0])
    pytest.skip("this machine has no address but its loopback, at which nobody could join it")


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayHead]:
    """A head of this test's own, which other machines could join."""
    with tempfile.TemporaryDirectory(prefix="arpo-job-") as folder:
        made = RayHead(Path(folder), Path(folder), node_ip=outward_address())
        elsewhere = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        process = Process(made._program(elsewhere), RotatingLog(Path(folder) / "ray.log"))
        try:
            process.wait_ready(made.has_node, READY_WITHIN_S)
            monkeypatch.setattr(launcher, "ray_address", lambda: made.address)
            monkeypatch.setattr(launcher, "ray_token", lambda: made.token)
            monkeypatch.setenv("RAY_HEAD_ADDRESS", made.joined_at)
            monkeypatch.delenv("ARPO_ENGINE_DIR", raising=False)
            yield made
        finally:
            process.stop()


def test_code_that_was_sent_along_is_what_runs(head: RayHead, tmp_path: Path) -> None:
    config = RunConfig(title="elsewhere").model_dump(mode="json")
    for _ in range(2):
        launcher.submit_preflight(
            "arpo-elsewhere", config, tmp_path / "run", server_gate='{"listed": [], "anywhere": false}'
        )
    until = time.monotonic() + ENDS_WITHIN_S
    while not (job := launcher.job_of("arpo-elsewhere")) or not job.has_ended:
        assert time.monotonic() < until, job
        time.sleep(0.5)
    log = launcher.log_of("arpo-elsewhere")
    assert job.status == "SUCCEEDED", log
    assert {check.name for check in checks_in(log)} >= {"model", "desktops"}, log

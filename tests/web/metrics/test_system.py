"""What machines and desktops were busy with: samples become curves, curves become charts by machine and GPU."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from arpo_engine.contract.events import HostSampled
from arpo_engine.contract.fleet import DesktopPhase
from tests.web.builders import EPOCH, envelopes, fleet, seen, started
from webapp.metrics.models import Series
from webapp.metrics.series import keys_of, series
from webapp.metrics.system import hosts_of, system_charts
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


def sample(host: str = "bench-1", **changes: Any) -> HostSampled:
    fields: dict[str, Any] = {
        "host": host, "cpu_percent": 100.0, "cores": 4, "memory_used_mb": 500, "memory_total_mb": 1000,
        "disk_free_mb": 9000, "run_cpu_percent": 50.0, "run_memory_mb": 200,
    }  # fmt: skip
    return HostSampled(**{**fields, **changes})


@pytest.fixture
def at_epoch(run: Run) -> Run:
    """The run was queued when its engine's clock began."""
    Run.objects.filter(pk=run.pk).update(created_at=EPOCH)
    run.refresh_from_db()
    return run


def values(run: Run, key: str) -> list[tuple[int, float | None]]:
    return [(one.step, one.mean) for one in series(run.pk, [key])[key].samples]


def test_a_sample_becomes_curves_by_machine_over_seconds(at_epoch: Run, post: Any) -> None:
    gpus = [{"index": 0, "name": "H200", "util_percent": 40.0, "memory_used_mb": 70_000.0}]
    post(envelopes([started(), sample(gpus=gpus), sample(cpu_percent=200.0), sample("bench-2")]))
    assert values(at_epoch, "system/bench-1/cpu_share") == [(2, 0.25), (3, 0.5)]
    assert values(at_epoch, "system/bench-1/run_cores") == [(2, 0.5), (3, 0.5)]
    assert values(at_epoch, "system/bench-1/gpu0/util_share") == [(2, 0.4)]
    assert values(at_epoch, "system/bench-2/cpu_share") == [(4, 0.25)]


def test_desktops_are_counted_by_what_they_are_at(at_epoch: Run, post: Any) -> None:
    phases = [DesktopPhase.ACTING, DesktopPhase.THINKING, DesktopPhase.SPARE, DesktopPhase.GONE]
    named = [seen(f"pocket-{place}", phase) for place, phase in enumerate(phases)]
    post(envelopes([started(), fleet(*named)]))
    counts = {word: values(at_epoch, f"system/desktops/{word}")[0][1] for word in ("busy", "ready", "starting", "out")}
    assert counts == {"busy": 2.0, "ready": 1.0, "starting": 0.0, "out": 1.0}


def test_what_machines_used_is_no_number_of_the_run(at_epoch: Run, post: Any) -> None:
    post(envelopes([started(), sample()]))
    assert keys_of(at_epoch.pk) == []
    assert Series.objects.filter(run=at_epoch).count() == 5


def test_a_hostile_sample_breaks_nothing(at_epoch: Run, post: Any) -> None:
    odd = sample("../../x\x00" + "y" * 300, cores=0, gpus=[{"util_percent": "lots"}] * 99)
    assert post(envelopes([started(), odd])).status_code == 200
    (host,) = hosts_of(Series.objects.values_list("key", flat=True))
    assert len(host) <= 60 and "/" not in host


def test_a_sample_from_before_the_run_was_queued_stands_at_its_beginning(run: Run, post: Any) -> None:
    Run.objects.filter(pk=run.pk).update(created_at=EPOCH + timedelta(days=1))
    post(envelopes([started(), sample()]))
    assert values(run, "system/bench-1/cpu_share") == [(0, 0.25)]


KEYS = [
    "system/a/cpu_share", "system/a/gpu0/util_share", "system/a/gpu1/util_share", "system/b/cpu_share",
    "system/desktops/busy", "system/desktops/ready",
]  # fmt: skip


def test_charts_have_a_line_for_each_machine_and_gpu() -> None:
    charts = {chart.title: chart for chart in system_charts(KEYS)}
    assert list(charts) == ["Desktops", "CPU", "GPU"]
    assert [line.name for line in charts["CPU"].lines] == ["a", "b"]
    assert [line.name for line in charts["GPU"].lines] == ["a, GPU 0", "a, GPU 1"]
    assert len({line.colour for line in charts["GPU"].lines}) == 2


def test_charts_of_one_machine_name_no_machine() -> None:
    charts = {chart.title: chart for chart in system_charts(KEYS, "a")}
    assert [line.name for line in charts["CPU"].lines] == ["this machine"]
    assert [line.name for line in charts["GPU"].lines] == ["GPU 0", "GPU 1"]


def test_of_very_many_machines_some_are_drawn_and_it_is_said() -> None:
    (chart,) = system_charts([f"system/h{place:02d}/cpu_share" for place in range(40)])
    assert len(chart.lines) == 12
    assert "12 of 40 are drawn" in chart.story
    assert len({(line.colour, line.dash) for line in chart.lines}) == 12

"""What machines and desktops were busy with, as series beside the run's own numbers, and the charts of them.

Their steps are seconds since the run was queued, so that a later attempt never takes an earlier one's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from arpo_engine.contract.events import HostSampled
from webapp.bulk import clean_text
from webapp.figure_style import BLUE, GREEN, OKABE_ITO, ORANGE, VERMILLION
from webapp.metrics.charts import Chart, Line
from webapp.metrics.models import SYSTEM_PREFIX
from webapp.metrics.services import PointRow
from webapp.runs.models import Run

MAX_HOST: Final = 60
MAX_GPUS: Final = 16
"""Of one machine; a sample comes from outside."""
MOST_LINES: Final = 12
DESKTOPS: Final = f"{SYSTEM_PREFIX}desktops/"
DASHES: Final = ("solid", "dash", "dot")
GPU_FIELDS: Final = ("util_percent", "memory_used_mb", "power_w", "temperature_c")

_CHARTS: Final[dict[str, tuple[str, str, str]]] = {
    "cpu_share": ("CPU", "Share of all cores that were busy, with everything that ran on the machine.", ""),
    "run_cores": ("Cores of this run", "Cores that this run's own processes kept busy.", "cores"),
    "memory_used_mb": ("Memory", "Memory in use on the machine, by everything on it.", "MB"),
    "run_memory_mb": ("Memory of this run", "Memory of this run's own processes.", "MB"),
    "gpu_util_share": ("GPU", "Share of the time in which the GPU computed.", ""),
    "gpu_memory_used_mb": ("GPU memory", "Memory in use on the GPU.", "MB"),
    "gpu_power_w": ("GPU power", "What the GPU drew.", "W"),
    "gpu_temperature_c": ("GPU temperature", "How warm the GPU was.", "°C"),
    "disk_free_mb": ("Free disk", "Room left on the disk of the run folder.", "MB"),
}
"""Measure to title, story and unit, in the order of the page."""
_DESKTOP_WORDS: Final = {"busy": BLUE, "ready": GREEN, "starting": ORANGE, "out": VERMILLION}


def second_of(run: Run, at: datetime) -> int:
    """Where a moment stands in the series of this run's machines."""
    return max(0, int((at - run.created_at).total_seconds()))


def host_points(run: Run, attempt: int, at: datetime, sample: HostSampled) -> list[PointRow]:
    """A machine's sample as points."""
    host = f"{SYSTEM_PREFIX}{clean_text(sample.host)[:MAX_HOST].replace('/', '_') or 'machine'}/"
    cores = max(1, sample.cores)
    values: dict[str, float] = {
        "cpu_share": sample.cpu_percent / (100 * cores),
        "run_cores": sample.run_cpu_percent / 100,
        "memory_used_mb": sample.memory_used_mb,
        "run_memory_mb": sample.run_memory_mb,
        "disk_free_mb": sample.disk_free_mb,
    }
    for place, gpu in enumerate(sample.gpus[:MAX_GPUS]):
        for name in GPU_FIELDS:
            number = gpu.get(name)
            if isinstance(number, int | float):
                share = name == "util_percent"
                values[f"gpu{place}/{'util_share' if share else name}"] = number / 100 if share else number
    step = second_of(run, at)
    return [(host + name, attempt, step, at, value) for name, value in values.items()]


def desktop_points(run: Run, attempt: int, at: datetime, counts: Mapping[str, int]) -> list[PointRow]:
    """How many desktops were busy, ready, starting and out of service."""
    step = second_of(run, at)
    return [(DESKTOPS + word, attempt, step, at, float(counts.get(word, 0))) for word in _DESKTOP_WORDS]


def hosts_of(keys: Iterable[str]) -> list[str]:
    """The machines that these keys are of."""
    parts = (key.removeprefix(SYSTEM_PREFIX).split("/") for key in keys)
    return sorted({part[0] for part in parts if part[0] != "desktops"})


def system_charts(keys: Iterable[str], host: str = "") -> list[Chart]:
    """The charts of what was sampled, a line for each machine or GPU; of one machine only, if it is named."""
    known = list(keys)
    hosts = [one for one in hosts_of(known) if not host or one == host]
    charts = [_desktops()] if any(key.startswith(DESKTOPS) for key in known) else []
    for measure, (title, story, unit) in _CHARTS.items():
        lines = [line for one in hosts for line in _lines(known, one, measure, alone=len(hosts) == 1)]
        if lines:
            some = f" {MOST_LINES} of {len(lines)} are drawn." if len(lines) > MOST_LINES else ""
            chart = Chart(
                name=SYSTEM_PREFIX + measure, title=title, story=story + some, unit=unit,
                step_word="second", percent=measure.endswith("_share"), lines=_coloured(lines[:MOST_LINES]),
            )  # fmt: skip
            charts.append(chart)
    return charts


def _lines(keys: Iterable[str], host: str, measure: str, *, alone: bool) -> list[tuple[str, str]]:
    """Key and name of each line that one machine has in a chart."""
    begin = f"{SYSTEM_PREFIX}{host}/"
    if not measure.startswith("gpu_"):
        return [(begin + measure, "this machine" if alone else host)] if begin + measure in keys else []
    wanted = measure.removeprefix("gpu_")
    found = []
    for key in keys:
        place, _, name = key.removeprefix(begin).partition("/")
        if key.startswith(f"{begin}gpu") and name == wanted:
            gpu = f"GPU {place.removeprefix('gpu')}"
            found.append((key, gpu if alone else f"{host}, {gpu}"))
    return found


def _coloured(lines: Iterable[tuple[str, str]]) -> tuple[Line, ...]:
    made = []
    for place, (key, name) in enumerate(lines):
        dash: Any = DASHES[place // len(OKABE_ITO) % len(DASHES)]
        made.append(Line(key=key, name=name, colour=OKABE_ITO[place % len(OKABE_ITO)], dash=dash))
    return tuple(made)


def _desktops() -> Chart:
    story = "Desktops by what they were at: busy with an episode, ready for one, starting, or out of service."
    lines = tuple(Line(key=DESKTOPS + word, name=word, colour=colour) for word, colour in _DESKTOP_WORDS.items())
    return Chart(
        name=f"{SYSTEM_PREFIX}desktops", title="Desktops", story=story, unit="desktops", step_word="second", lines=lines
    )

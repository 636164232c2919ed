"""The same questions to MLflow and trackio, over as many runs, each in an environment of its own.

Their tables are filled directly, since their own logging takes hours for 10,000 runs: a run is 20 parameters, 20 latest
numbers and 5 tags. MLflow is its server on SQLite with one worker and without its job runner, which is its cheapest
form; a page is as long as ours. trackio has no pages and no filter: what its own page asks for is asked.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests

from benchmarks.console_requests import value_of
from benchmarks.console_server import tree_cpu_s

ROOT = Path(__file__).resolve().parents[1]
PEERS = {"mlflow": "3.17.2", "trackio": "0.43.0"}
PAGE = 50
READY_WITHIN_S = 180.0
KEYS = [f"key{number:02}" for number in range(20)]
Ask = Callable[[], requests.Response]


def peers(*, quick: bool) -> dict[str, dict[str, Any]]:
    """Figures of each peer under our own names for the questions."""
    runs, points, compared, times = (200, 20_000, 500, 3) if quick else (10_000, 1_000_000, 10_000, 10)
    figures = {}
    for name, measure in (("mlflow", _mlflow), ("trackio", _trackio)):
        home = _environment(name)
        with tempfile.TemporaryDirectory(prefix=f"arpo-bench-{name}-") as place:
            figures[name] = {"version": PEERS[name], **measure(home, Path(place), runs, points, compared, times)}
    return figures


def _mlflow(home: Path, place: Path, runs: int, points: int, compared: int, times: int) -> dict[str, Any]:
    database = place / "mlflow.db"
    store = f"sqlite:///{database}"
    quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    subprocess.run([str(home / "bin" / "mlflow"), "db", "upgrade", store], env=quiet, check=True, capture_output=True)
    ids = _fill_mlflow(database, runs, points, compared)
    command = [str(home / "bin" / "mlflow"), "server", "--backend-store-uri", store, "--workers", "1"]
    with _serving([*command, "--artifacts-destination", str(place)], quiet, "/health") as (url, server):
        api = f"{url}/ajax-api/2.0/mlflow"
        search: dict[str, Any] = {
            "experiment_ids": ["0"],
            "filter": "metrics.key00 > 0.3 and attributes.status = 'FINISHED'",
            "order_by": ["metrics.key01 DESC"],
            "max_results": PAGE,
        }
        interval = f"{api}/metrics/get-history-bulk-interval?metric_key={{}}&max_results=320"
        many = "".join(f"&run_ids={run_id}" for run_id in ids[1:9])
        return {
            "list_10k": _cost(server, lambda: requests.post(f"{api}/runs/search", json=search, timeout=300), times),
            "series_1m": _cost(
                server, lambda: requests.get(interval.format("long") + f"&run_ids={ids[0]}", timeout=300), times
            ),
            "compare_8x10k": _cost(
                server, lambda: requests.get(interval.format("compared") + many, timeout=300), times
            ),
            "web_mb": _memory_mb(server),
        }


def _trackio(home: Path, place: Path, runs: int, points: int, compared: int, times: int) -> dict[str, Any]:
    environment = {**os.environ, "TRACKIO_DIR": str(place), "HF_HUB_OFFLINE": "1"}
    make = "from trackio.sqlite_storage import SQLiteStorage as S; S.bulk_log('bench', 'first', [{'key00': 0.0}])"
    python = str(home / "bin" / "python")
    subprocess.run([python, "-c", make], env=environment, check=True, capture_output=True)
    (database,) = place.rglob("bench.db")
    ids = _fill_trackio(database, runs, points, compared)
    serve = (
        "import os, uvicorn; from trackio.server import build_starlette_app_only as build;"
        " uvicorn.run(build()[0], port=int(os.environ['PORT']), log_level='warning')"
    )
    with _serving([python, "-c", serve], environment, "/version") as (url, server):

        def ask(name: str, **words: Any) -> Ask:
            return lambda: requests.post(f"{url}/api/{name}", json={"project": "bench", **words}, timeout=300)

        several = [{"run": f"run {number}", "run_id": ids[number]} for number in range(1, 9)]
        return {
            "list_10k": _cost(server, ask("get_runs_for_project"), times),
            "series_1m": _cost(server, ask("get_logs", run="run 0", run_id=ids[0]), times),
            "compare_8x10k": _cost(server, ask("get_logs_batch", runs=several), times),
            "web_mb": _memory_mb(server),
        }


def _fill_mlflow(database: Path, runs: int, points: int, compared: int) -> list[str]:
    ids = [uuid.UUID(int=number).hex for number in range(1, runs + 1)]
    with sqlite3.connect(database) as rows:
        rows.execute(
            "INSERT OR IGNORE INTO experiments (experiment_id, name, artifact_location, lifecycle_stage,"
            " creation_time, last_update_time) VALUES (0, 'Default', ?, 'active', 0, 0)",
            [str(database.parent)],
        )
        rows.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
            " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
            " VALUES (?, ?, 'LOCAL', '', '', 'ana', 'FINISHED', ?, ?, '', 'active', '', 0)",
            ((run_id, f"run {place}", 1000 * place, 1000 * place + 500) for place, run_id in enumerate(ids)),
        )
        numbers = [(key, run_id, place) for place, run_id in enumerate(ids) for key in KEYS]
        rows.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            ((key, str(place % 7), run_id) for key, run_id, place in numbers),
        )
        rows.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 0, 60, 0, ?)",
            ((key, value_of(place + int(key[3:])), run_id) for key, run_id, place in numbers),
        )
        rows.executemany(
            "INSERT INTO tags (key, value, run_uuid) VALUES (?, 'x', ?)",
            ((f"tag{number}", run_id) for run_id in ids for number in range(5)),
        )
        insert = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)"
        rows.executemany(insert, (("long", value_of(step), 1000 * step, ids[0], step) for step in range(points)))
        for run_id in ids[1:9]:
            rows.executemany(
                insert, (("compared", value_of(step), 1000 * step, run_id, step) for step in range(compared))
            )
    return ids


def _fill_trackio(database: Path, runs: int, points: int, compared: int) -> list[str]:
    ids = [uuid.UUID(int=number).hex for number in range(1, runs + 1)]
    settings = json.dumps({key: number for number, key in enumerate(KEYS)})
    latest = json.dumps(dict.fromkeys(KEYS, 0.5))
    at = "2026-01-01T00:00:00+00:00"
    with sqlite3.connect(database) as rows:
        rows.executemany(
            "INSERT INTO configs (run_id, run_name, config, created_at) VALUES (?, ?, ?, ?)",
            ((run_id, f"run {place}", settings, at) for place, run_id in enumerate(ids)),
        )
        insert = "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) VALUES (?, ?, ?, ?, ?)"
        rows.executemany(insert, ((run_id, at, f"run {place}", 0, latest) for place, run_id in enumerate(ids)))
        for place, run_id in enumerate(ids[:9]):
            steps = range(points if place == 0 else compared)
            rows.executemany(
                insert,
                ((run_id, at, f"run {place}", step, json.dumps({"long": value_of(step)})) for step in steps),
            )
    return ids


def _cost(server: psutil.Process, ask: Ask, times: int) -> dict[str, float]:
    answer = ask()
    answer.raise_for_status()
    walls = []
    before = tree_cpu_s(server)
    for _ in range(times):
        began = time.perf_counter()
        ask()
        walls.append(1000 * (time.perf_counter() - began))
    cpu_ms = 1000 * (tree_cpu_s(server) - before) / times
    return {
        "p50_ms": round(statistics.median(walls), 1),
        "server_cpu_ms": round(cpu_ms, 1),
        "kb": round(len(answer.content) / 1000, 1),
    }


def _memory_mb(server: psutil.Process) -> int:
    return round(sum(one.memory_info().rss for one in (server, *server.children(recursive=True))) / 1e6)


@contextmanager
def _serving(command: list[str], environment: dict[str, str], path: str) -> Iterator[tuple[str, psutil.Process]]:
    from webapp.supervisor.ports import free_port

    port = free_port()
    if "server" in command:
        command = [*command, "--port", str(port)]
    child = subprocess.Popen(command, env={**environment, "PORT": str(port)}, stdout=sys.stderr)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + READY_WITHIN_S
        while not _answers(url + path):
            if child.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} did not start to serve; see above")
            time.sleep(0.2)
        yield url, psutil.Process(child.pid)
    finally:
        for process in psutil.Process(child.pid).children(recursive=True):
            process.terminate()
        child.terminate()
        child.wait(30)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code < 500
    except requests.RequestException:
        return False


def _environment(name: str) -> Path:
    """The peer's virtual environment, made when it is first wanted."""
    home = ROOT / f".venv-{name}"
    done = home / f"{name}-{PEERS[name]}"
    if not done.exists():
        print(f"installing {name} {PEERS[name]} in {home.name} (a minute or two)", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)])
        _run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", f"{name}=={PEERS[name]}"])
        done.touch()
    return home


def _run(command: list[str]) -> None:
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
        raise SystemExit(f"`{' '.join(command)}` failed, so that this peer cannot be measured; see above")

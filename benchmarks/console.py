"""What a console with 10,000 runs and 100,000 episodes costs: list, curves, comparison, ingest, live viewers, pages.

Measured on the product's own web server with its own Postgres and Valkey, filled by `manage.py fill_history` from a
recorded run. Judge by server CPU (web and database together), bytes and delivery: wall clocks are printed with the load
beside them. MLflow (SQLite, one worker) and trackio answer the same questions over as many runs, in environments of
their own, in turn with ours. What would make it unfair: other rows for one of them, a first request that imports, a
connection that is opened anew for one of them, a cache that only a benchmark warms.

`./arpo bench console [--runs 10000] [--episodes 100000] [--viewers 500] [--no-peers] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import header, print_json, print_table
from benchmarks.console_ingest import frames, ingest
from benchmarks.console_live import live
from benchmarks.console_pages import pages
from benchmarks.console_peers import peers
from benchmarks.console_requests import cost, long_series, settle
from benchmarks.console_server import console

LONG = "bench/long"
LIST = "/runs/?" + urlencode({"q": "status:finished metric.train/success>=0.3", "sort": "-metric.train/success"})


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures of our own console."""
    points, compared = (20_000, 500) if options.quick else (1_000_000, 10_000)
    times = 5 if options.quick else 30
    with console(runs=options.runs, episodes=options.episodes) as server:
        rows = _Rows()
        deepest = rows.deepest()
        long_series(deepest, LONG, points)
        chosen = rows.newest(8)
        for run_id in chosen:
            long_series(run_id, "bench/compared", compared)
        settle()
        figures: dict[str, Any] = {
            "web_mb_at_rest": round(server.web_mb()),
            "list_10k": cost(server, LIST, times),
            "series_1m": cost(server, f"/runs/{deepest}/figure.json?key={LONG}", times),
            "compare_8x10k": cost(server, f"/compare/figure.json?runs={','.join(chosen)}&key=bench/compared", times),
        }
        engines = [rows.engine() for _ in range(os.cpu_count() or 2)]
        figures["ingest"] = ingest(server, engines, 2 if options.quick else 20)
        figures["web_mb_after_reading_and_numbers"] = round(server.web_mb())
        figures["frames"] = frames(server, rows.engine(), 50 if options.quick else 600)
        figures["frames_per_s"] = figures["frames"]["frames_per_s"]
        figures["web_mb_after_screenshots"] = round(server.web_mb())
        figures["live"] = live(server, *rows.engine(), options.viewers)
        figures["pages"] = pages(server, rows.pages(deepest, chosen), 1 if options.quick else 3)
        figures["web_mb"] = round(server.web_mb())
    return figures


class _Rows:
    """The rows that requests are about, and new runs that speak."""

    def __init__(self) -> None:
        from benchmarks.console_server import VIEWER
        from webapp.accounts.models import User

        self.viewer = User.objects.get(username=VIEWER)
        self.team = self.viewer.teams.get()

    def deepest(self) -> str:
        """The run with the most episodes."""
        return str(self.team.runs.order_by("-episodes_count").values_list("pk", flat=True)[0])

    def newest(self, count: int) -> list[str]:
        """The latest runs that have episodes."""
        found = self.team.runs.filter(episodes_count__gt=0).order_by("-created_at")
        return list(found.values_list("pk", flat=True)[:count])

    def engine(self) -> tuple[str, str]:
        """A running run and the secret with which its engine speaks."""
        from django.db import transaction

        from arpo_engine.contract.config import RunConfig
        from webapp.runs.models import RunStatus
        from webapp.runs.services import create_run
        from webapp.runs.services.attempts import start_attempt
        from webapp.runs.services.status import set_status

        with transaction.atomic():
            run = create_run(owner=self.viewer, team=self.team, config=RunConfig(title="A run that speaks"))
            _, secret = start_attempt(run, reason="for the benchmark")
            set_status(run, RunStatus.RUNNING, "for the benchmark")
        return run.pk, secret

    def pages(self, run_id: str, chosen: list[str]) -> dict[str, str]:
        """A path for each page that is opened."""
        from webapp.episodes.models import Episode, Group

        episode = Episode.objects.filter(run_id=run_id).order_by("-steps_count")[0]
        group = Group.objects.filter(run_id=run_id, injected__gt=0).first()
        assert group is not None
        runs = ",".join(chosen)
        return {
            "runs": "/runs/",
            "queue": "/runs/queue/",
            "new": "/runs/new/",
            "run": f"/runs/{run_id}/",
            "metrics": f"/runs/{run_id}/metrics/",
            "groups": f"/runs/{run_id}/groups/",
            "episodes": f"/runs/{run_id}/episodes/",
            "episode": f"/runs/{run_id}/episodes/{episode.key}/",
            "compare": f"/compare/?runs={runs}",
            "matrix": f"/tasks/?runs={runs}",
            "fleet": "/fleet/",
        }


def _table(figures: dict[str, Any]) -> list[list[str]]:
    rows = [["what", "ours", *figures.get("peers", {})]]
    for name in ("list_10k", "series_1m", "compare_8x10k"):
        for key in ("server_cpu_ms", "p50_ms", "kb"):
            told = [str(peer.get(name, {}).get(key, "–")) for peer in figures.get("peers", {}).values()]
            rows.append([f"{name} {key}", str(figures[name][key]), *told])
    flat = {**figures["ingest"], "frames_per_s": figures["frames_per_s"], "web_mb": figures["web_mb"]}
    flat |= {f"live {key}": value for key, value in figures["live"].items()}
    flat |= {
        f"page {name}": f"{page['interactive_ms']} ms, CLS {page['cls']}" for name, page in figures["pages"].items()
    }
    blank = ["" for _ in figures.get("peers", {})]
    return rows + [[name, str(value), *blank] for name, value in flat.items()]


def main() -> None:
    """Measure, print a table for people and a line of JSON for machines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--episodes", type=int, default=100_000)
    parser.add_argument("--viewers", type=int, default=500)
    parser.add_argument("--no-peers", action="store_true", help="leave MLflow and trackio out")
    parser.add_argument("--quick", action="store_true", help="a smoke test of the benchmark; never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    options = parser.parse_args()
    if options.quick:
        options.runs, options.episodes, options.viewers = 50, 5000, 20
    about = header()
    figures = measure(options)
    if not options.no_peers:
        figures["peers"] = peers(quick=options.quick)
    figures = {**about, "quick": options.quick, "runs": options.runs, "episodes": options.episodes, **figures}
    if not options.json:
        print_table(_table(figures))
    print_json(figures)


if __name__ == "__main__":
    main()

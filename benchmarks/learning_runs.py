"""The runs behind `benchmarks/learning.py`: each is a command of the engine in a process of its own; here they are
started, and their run folders are read back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arpo_engine.contract.events import CheckpointSaved, MetricsLogged, RunEnded, ValidationFinished
from arpo_engine.contract.outcomes import RunOutcome, Split
from arpo_engine.contract.reporting import SPOOL_NAME, read_spool
from benchmarks.engine import ENGINE, run_side_by_side

SPLITS = ("train", "held_out")


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done. `settings` are given to every run, and are empty in a real measurement."""

    config: Path
    out: Path
    attempts: int
    settings: tuple[str, ...] = ()


@dataclass(slots=True)
class Trained:
    """One training run as its folder tells it."""

    seed: int
    minutes: float
    steps: int
    policy: Path
    curve: list[dict[str, Any]] = field(default_factory=list)
    success: dict[str, float] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)


def train(plan: Plan, seed: int, *, control: str | None = None) -> Trained:
    """Train with one seed, exactly as the preset says, and read the run folder."""
    run_dir = plan.out / f"{control or 'seed'}-{seed}"
    command = ["benchmarks.controls", control, "train"] if control else [ENGINE, "train", "--no-resume"]
    words = ["--quiet", "--config", str(plan.config), f"seed={seed}", *plan.settings, "--run-dir", str(run_dir)]
    run_side_by_side([[*command, *words]])
    return _read(run_dir, seed)


def evaluate(plan: Plan, model: str, name: str, *, control: str | None = None) -> dict[str, list[int]]:
    """Success of a model on every task of both splits: split to [successes, attempts], feasible tasks only."""
    run_dir = plan.out / f"evaluate-{name}"
    command = ["benchmarks.controls", control, "evaluate"] if control else [ENGINE, "evaluate", "--no-resume"]
    command += ["--quiet", "--config", str(plan.config), "kind=evaluate"]
    words = [f"model.path={model}", f"evaluation.attempts={plan.attempts}", *plan.settings]
    run_side_by_side([[*command, *words, "--run-dir", str(run_dir)]])
    data = json.loads((run_dir / "results" / "evaluation.json").read_text(encoding="utf-8"))
    return {name: [data["splits"][name]["successes"], data["splits"][name]["attempts"]] for name in SPLITS}


def share(counts: dict[str, list[int]]) -> dict[str, float]:
    """Success by split."""
    return {name: successes / max(1, attempts) for name, (successes, attempts) in counts.items()}


def _read(run_dir: Path, seed: int) -> Trained:
    lines = list(read_spool(run_dir / SPOOL_NAME))
    began, last = lines[0].at, lines[-1].at
    ended = [line.event for line in lines if isinstance(line.event, RunEnded)][-1]
    if ended.outcome is not RunOutcome.FINISHED:
        raise SystemExit(f"{run_dir} ended as {ended.outcome}: {ended.reason}")
    saved = [line.event.export_path for line in lines if isinstance(line.event, CheckpointSaved)][-1]
    if saved is None:
        raise SystemExit(f"{run_dir} keeps no policy with its last checkpoint")
    return Trained(
        seed=seed,
        minutes=(last - began).total_seconds() / 60,
        steps=ended.step,
        policy=run_dir / saved,
        curve=[_point(line, began) for line in lines if isinstance(line.event, ValidationFinished | MetricsLogged)],
    )


def _point(line: Any, began: Any) -> dict[str, Any]:
    minutes = round((line.at - began).total_seconds() / 60, 3)
    event = line.event
    if isinstance(event, MetricsLogged):
        return {
            "minutes": minutes,
            "step": event.step,
            "kind": "rollouts",
            "success": event.values.get("train/success"),
        }
    kind = "held_out" if event.split is Split.HELD_OUT else "train"
    return {"minutes": minutes, "step": event.step, "kind": kind, "success": event.successes / max(1, event.attempts)}

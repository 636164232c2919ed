"""How many tokens a second does the learner train, beside TRL's GRPOTrainer?

Measured: forward, backward and optimizer step on the same trajectories, generation excluded. They are episodes that the
small policy plays on its own desktops before anything is measured, a screenshot each turn; every one has an advantage,
so that whoever leaves out those without one gains nothing. Both sides begin from the same checkpoint with the same ids,
the same recorded log-probs and advantages, the same loss (the mean over the tokens of the step, clip and dual clip,
no KL), AdamW with the same numbers, float32, and as many threads; each is a process of its own, and their steps are
taken in turn. The loss and the norm of the gradient of the first step must be the same on both sides, or nothing is
reported. A token is one that is computed: of prompts, screenshots and replies.

Each side gets the fastest of the settings that its documentation names for this: ours the layout and the tokens of a
pass, TRL's (without Liger kernels, which want a GPU) the trajectories of a batch, without gradient checkpointing.
torch.compile is used on neither side. Ours begins with the screenshots' bytes and the recorded trajectories, as a run
does; TRL's inputs are laid out beforehand, patches as floats, and its batches are padded to their own longest instead
of the generation batch's, both to its advantage. What would make it unfair: other tokens, TRL's default of recomputing
every layer, more threads for one of them, a machine that is busy for one of them, more equal screenshots than real
episodes have (`distinct_screenshots` says how many there are; we encode equal ones once, TRL each).

`python -m benchmarks.learner [--groups 4] [--rounds 7] [--threads 1] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arpo_engine.contract.config import load_config
from arpo_engine.contract.reporting import MemorySink
from arpo_engine.inference.base import Sampling
from arpo_engine.models.contexts import frame_key
from arpo_engine.models.folder import locate
from arpo_engine.runtime.context import open_context
from arpo_engine.runtime.local import LocalExecutor
from benchmarks.common import header, print_json, print_table
from benchmarks.learner_work import Work
from benchmarks.trl_home import ROOT, TRL, trl_python

CONFIG = ROOT / "configs" / "pocket_demo.yaml"
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "ours": [
        {"padding_free": packed, "tokens_per_pass": tokens}
        for packed in (False, True)
        for tokens in (None, 8192, 4096, 2048)
    ],
    "trl": [{"per_device_train_batch_size": size, "gradient_checkpointing": False} for size in (2, 4, 8, 16, 32)],
}
SAME = 2e-3
"""Share by which loss and gradient norm of the two sides may be apart."""


class Worker:
    """One side, in a process of its own."""

    def __init__(self, name: str, python: Path | str, folder: Path, threads: int) -> None:
        command = [str(python), "-m", f"benchmarks.learner_{name}", str(folder), str(threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
        )

    def ask(self, do: str, settings: dict[str, Any] | None = None) -> dict[str, float]:
        """Let it do something and wait for its answer.

        Raises:
            SystemExit: it died; its last words are on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "settings": settings}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the side {self.name!r} ended with {self._process.wait()}; its last words are above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


async def collect(groups: int, group_size: int, folder: Path) -> Work:
    """Episodes of `groups` tasks, `group_size` of each, as the preset `pocket_demo` plays them."""
    config = load_config(CONFIG, [f"desktops.count={groups * group_size}"])
    sampling = Sampling(
        temperature=config.rollout.temperature, top_p=1.0, max_new_tokens=config.generator.max_new_tokens
    )
    async with open_context(config, run_dir=folder, attempt=1, sink=MemorySink(), executor=LocalExecutor()) as context:
        tasks = context.train_tasks[:groups]
        plans = context.planner.groups(tasks, size=group_size, step=1, sampling=sampling)
        episodes = (context.scheduler.until_healthy(plan) for group in plans for plan in group.episodes)
        played = await asyncio.gather(*episodes)
    chance = random.Random(0)
    return Work(
        checkpoint=locate(config.model.path),
        trajectories=tuple(played),
        advantages=tuple(chance.choice((-1.0, 1.0)) * chance.uniform(0.5, 2.0) for _ in played),
        clip=config.algorithm.clip,
        temperature=config.rollout.temperature,
        group_size=group_size,
    )


def fastest(worker: Worker, settings: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings whose second step is the quickest."""
    seconds = []
    for chosen in settings:
        worker.ask("prepare", chosen)
        worker.ask("step")
        seconds.append(worker.ask("step")["seconds"])
        print(f"{worker.name} with {chosen}: {seconds[-1]:.2f} s", file=sys.stderr)
    return settings[seconds.index(min(seconds))]


def measure(work: Work, folder: Path, rounds: int, threads: int, settings: dict[str, list[Any]]) -> dict[str, Any]:
    """Both sides' steps in turn; refuses to compare two that do not compute the same."""
    work.write(folder)
    workers = [Worker("ours", sys.executable, folder, threads), Worker("trl", trl_python(), folder, threads)]
    try:
        chosen = {worker.name: fastest(worker, settings[worker.name]) for worker in workers}
        first = {}
        for worker in workers:
            worker.ask("prepare", chosen[worker.name])
            first[worker.name] = worker.ask("step")
        refuse_unequal(first["ours"], first["trl"])
        seconds: dict[str, list[float]] = {"ours": [], "trl": []}
        loads, peaks = [], {}
        for _ in range(rounds):
            loads.append(round(os.getloadavg()[0], 2))
            for worker in workers:
                answer = worker.ask("step")
                seconds[worker.name].append(answer["seconds"])
                peaks[worker.name] = round(answer["peak_mb"])
    finally:
        for worker in workers:
            worker.close()
    return summary(work, seconds, loads, peaks, chosen, first)


def refuse_unequal(ours: dict[str, float], trl: dict[str, float]) -> None:
    """A comparison of two different computations would say nothing."""
    for name in ("loss", "grad_norm"):
        if abs(ours[name] - trl[name]) > SAME * max(abs(ours[name]), abs(trl[name]), 1e-2):
            raise SystemExit(
                f"the first step's {name} is {ours[name]:.6g} on our side and {trl[name]:.6g} on TRL's: they do not "
                "compute the same, so their times say nothing"
            )


def summary(
    work: Work,
    seconds: dict[str, list[float]],
    loads: list[float],
    peaks: dict[str, int],
    chosen: dict[str, dict[str, Any]],
    first: dict[str, dict[str, float]],
) -> dict[str, Any]:
    """Medians of the rounds, and the two sides beside each other."""
    median = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["trl"], strict=True)]
    return {
        "ours_tokens_per_s": work.tokens / median["ours"],
        "trl_tokens_per_s": work.tokens / median["trl"],
        "ratio_vs_trl": median["trl"] / median["ours"],
        "ratio_by_round": {"lowest": min(ratios), "highest": max(ratios)},
        "peak_mb": peaks,
        "settings": chosen,
        "tokens": work.tokens,
        "sampled_tokens": work.sampled_tokens,
        "trajectories": len(work.trajectories),
        "screenshots": sum(len(item.steps) for item in work.trajectories),
        "distinct_screenshots": len({frame_key(step.pixels) for item in work.trajectories for step in item.steps}),
        "first_step": {name: {key: found[key] for key in ("loss", "grad_norm")} for name, found in first.items()},
        "seconds": seconds,
        "load_by_round": loads,
    }


def show(figures: dict[str, Any]) -> None:
    """The table for people."""
    rows = [["learner", "tokens/s", "s a step", "peak MB", "settings"]]
    for name, title in (("ours", "ours"), ("trl", f"TRL {TRL}")):
        words = ", ".join(f"{key}={value}" for key, value in figures["settings"][name].items())
        seconds = statistics.median(figures["seconds"][name])
        peak = figures["peak_mb"][name]
        rows.append([title, f"{figures[f'{name}_tokens_per_s']:,.0f}", f"{seconds:.2f}", f"{peak:,}", words])
    print_table(rows)
    spread = figures["ratio_by_round"]
    print(
        f"\nours / TRL: {figures['ratio_vs_trl']:.2f} (rounds {spread['lowest']:.2f} to {spread['highest']:.2f}), "
        f"{figures['threads']} thread(s); {figures['trajectories']} trajectories, {figures['tokens']:,} tokens, "
        f"{figures['sampled_tokens']:,} of them sampled; {figures['screenshots']} screenshots, "
        f"{figures['distinct_screenshots']} of them distinct; load {min(figures['load_by_round'])} to "
        f"{max(figures['load_by_round'])} on {figures['machine']['cores']} cores"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=4, help="tasks, with eight episodes of each")
    parser.add_argument("--rounds", type=int, default=7, help="steps of each side that are measured")
    parser.add_argument("--threads", type=int, default=1, help="of each side; they never compute at the same time")
    parser.add_argument("--quick", action="store_true", help="a smoke test of the benchmark; never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    arguments = parser.parse_args()
    groups, group_size, rounds, settings = arguments.groups, 8, arguments.rounds, SETTINGS
    if arguments.quick:
        groups, group_size, rounds = 1, 2, 1
        settings = {"ours": SETTINGS["ours"][-1:], "trl": SETTINGS["trl"][:1]}
    figures = header()
    with tempfile.TemporaryDirectory(prefix="arpo-learner-") as folder:
        work = asyncio.run(collect(groups, group_size, Path(folder)))
        figures.update(measure(work, Path(folder), rounds, arguments.threads, settings))
    figures.update(threads=arguments.threads, runs=rounds, quick=arguments.quick)
    figures["versions"]["trl"] = TRL
    if not arguments.json:
        show(figures)
    print_json(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

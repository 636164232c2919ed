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
every layer, more threads for one of them, a machine that is busy for one of them, or more equal screenshots than real
episodes have: we encode equal ones once, TRL each of them. How many are distinct is told, and `all_distinct` is the
same comparison with a pixel of its own in each, so that none is saved.

`python -m benchmarks.learner [--groups 4] [--rounds 7] [--threads 1] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arpo_engine.models.contexts import frame_key
from benchmarks.common import header, print_json, print_table
from benchmarks.learner_sides import Worker, collect, marked
from benchmarks.learner_work import Work
from benchmarks.trl_home import TRL, trl_python

SETTINGS: dict[str, list[dict[str, Any]]] = {
    "ours": [
        {"padding_free": packed, "tokens_per_pass": tokens}
        for packed, tokens in ((False, None), (True, None), (True, 8192), (True, 4096), (True, 2048))
    ],
    "trl": [{"per_device_train_batch_size": size, "gradient_checkpointing": False} for size in (2, 4, 8, 16, 32)],
}
SMALLER: list[dict[str, Any]] = [
    {},
    {"padding_free": True},
    {"padding_free": True, "tokens_per_pass": 2048},
    {"padding_free": True, "tokens_per_pass": 2048, "logits_tokens": 128},
    {"padding_free": True, "tokens_per_pass": 2048, "logits_tokens": 128, "gradient_checkpointing": True},
]
"""Each holds less at once than the one before."""
SAME = 2e-3
"""Share by which loss and gradient norm of the two sides may be apart."""
Answers = dict[str, list[dict[str, float]]]


def choose(name: str, python: Path | str, folder: Path, threads: int, settings: list[dict[str, Any]]) -> dict[str, Any]:
    """The settings of a side whose second step is the quickest."""
    # With one thread processor time chooses as an idle machine would; more threads share it out among them.
    clock = "cpu_seconds" if threads == 1 else "seconds"
    found = []
    with Worker(name, python, folder, threads) as worker:
        for chosen in settings:
            worker.ask("prepare", chosen)
            worker.ask("step")
            found.append(worker.ask("step")[clock])
            print(f"{name} with {chosen}: {found[-1]:.2f} s", file=sys.stderr)
    return settings[found.index(min(found))]


def measure(work: Work, folder: Path, rounds: int, threads: int, chosen: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Both sides' steps in turn, each side first in every other round, after one of each that warms up.

    Raises:
        SystemExit: the two do not compute the same.
    """
    work.write(folder)
    answers: Answers = {"ours": [], "trl": []}
    loads, first = [], {}
    with (
        Worker("ours", sys.executable, folder, threads) as ours,
        Worker("trl", trl_python(), folder, threads) as trl,
    ):
        for worker in (ours, trl):
            worker.ask("prepare", chosen[worker.name])
            first[worker.name] = worker.ask("step")
        refuse_unequal(first["ours"], first["trl"])
        for number in range(rounds):
            loads.append(round(os.getloadavg()[0], 2))
            for worker in (ours, trl) if number % 2 else (trl, ours):
                answers[worker.name].append(worker.ask("step"))
    return {**summary(work, answers), "settings": chosen, "first_step": first, "load_by_round": loads}


def memory(folder: Path, threads: int) -> list[dict[str, Any]]:
    """What a step of ours adds to the process's memory (MB), with each of some settings."""
    found = []
    for settings in SMALLER:
        with Worker("ours", sys.executable, folder, threads) as worker:
            before = worker.ask("prepare", settings)["peak_mb"]
            answer = worker.ask("step")
        added = round(answer["peak_mb"] - before)
        found.append({"settings": settings, "added_mb": added, "cpu_seconds": answer["cpu_seconds"]})
    return found


def refuse_unequal(ours: dict[str, float], trl: dict[str, float]) -> None:
    """A comparison of two different computations would say nothing."""
    for name in ("loss", "grad_norm"):
        if abs(ours[name] - trl[name]) > SAME * max(abs(ours[name]), abs(trl[name]), 1e-2):
            raise SystemExit(
                f"the first step's {name} is {ours[name]:.6g} on our side and {trl[name]:.6g} on TRL's: they do not "
                "compute the same, so their times say nothing"
            )


def summary(work: Work, answers: Answers) -> dict[str, Any]:
    """Medians of the rounds. The ratio is the median of the rounds' own, whose two steps met the same load."""

    def of(name: str, key: str) -> list[float]:
        return [answer[key] for answer in answers[name]]

    median = {name: statistics.median(of(name, "seconds")) for name in answers}
    cpu = {name: statistics.median(of(name, "cpu_seconds")) for name in answers}
    ratios = [theirs / ours for ours, theirs in zip(of("ours", "seconds"), of("trl", "seconds"), strict=True)]
    return {
        "ours_tokens_per_s": work.tokens / median["ours"],
        "trl_tokens_per_s": work.tokens / median["trl"],
        "ratio_vs_trl": statistics.median(ratios),
        "ratio_by_round": {"lowest": min(ratios), "highest": max(ratios)},
        "ratio_of_processor_time": cpu["trl"] / cpu["ours"],
        "peak_mb": {name: round(max(of(name, "peak_mb"))) for name in answers},
        "tokens": work.tokens,
        "sampled_tokens": work.sampled_tokens,
        "trajectories": len(work.trajectories),
        "screenshots": sum(len(item.steps) for item in work.trajectories),
        "distinct_screenshots": len({frame_key(step.pixels) for item in work.trajectories for step in item.steps}),
        "seconds": {name: of(name, "seconds") for name in answers},
        "cpu_seconds": {name: of(name, "cpu_seconds") for name in answers},
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
    print()
    print_table([["ours with", "added MB", "processor s"], *(_memory_row(found) for found in figures["memory"])])
    spread, distinct = figures["ratio_by_round"], figures["all_distinct"]
    print(
        f"\nours / TRL: {figures['ratio_vs_trl']:.2f} (rounds {spread['lowest']:.2f} to {spread['highest']:.2f}; of "
        f"processor time {figures['ratio_of_processor_time']:.2f}); were no two screenshots equal "
        f"{distinct['ratio_vs_trl']:.2f} ({distinct['ratio_of_processor_time']:.2f}); "
        f"{figures['threads']} thread(s); {figures['trajectories']} trajectories, {figures['tokens']:,} tokens, "
        f"{figures['sampled_tokens']:,} of them sampled; {figures['screenshots']} screenshots, "
        f"{figures['distinct_screenshots']} of them distinct; load {min(figures['load_by_round'])} to "
        f"{max(figures['load_by_round'])} on {figures['machine']['cores']} cores"
    )


def _memory_row(found: dict[str, Any]) -> list[str]:
    words = ", ".join(f"{key}={value}" for key, value in found["settings"].items()) or "the defaults"
    return [words, f"{found['added_mb']:,}", f"{found['cpu_seconds']:.2f}"]


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
        place = Path(folder)
        work.write(place)
        pythons: dict[str, Path | str] = {"ours": sys.executable, "trl": trl_python()}
        chosen = {
            name: choose(name, python, place, arguments.threads, settings[name]) for name, python in pythons.items()
        }
        figures["memory"] = memory(place, arguments.threads)
        figures.update(measure(work, place, rounds, arguments.threads, chosen))
        figures["all_distinct"] = measure(marked(work), place, rounds, arguments.threads, chosen)
    figures.update(threads=arguments.threads, runs=rounds, quick=arguments.quick)
    figures["versions"]["trl"] = TRL
    if not arguments.json:
        show(figures)
    print_json(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())

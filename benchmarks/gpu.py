"""How fast does one GPU learn and sample, and does the plan say how much memory that takes?

Measured, for models of real shapes with random weights, at 4 and 43 thousand tokens a trajectory (15 screenshots):
whole updates of the run's own learner (from the screenshots' bytes to the moved weights, vision tower frozen, AdamW in
bfloat16; long trajectories one at a time, their activations computed twice), sampling with the run's own `hf`
generator, a push of all weights to a sampler with weights of its own, and the most memory that was allocated beside
what `./arpo plan` says. `mfu` counts useful operations only (nothing that is computed twice) against the data sheet's
bfloat16 rate; `matmul_tflops` is what a large product reaches on this very card. `prefix_hit` is the share of context
tokens whose keys and values were kept from an earlier turn. Where TRL is installed its GRPOTrainer learns from the same
trajectories, in the same process, after ours.

What would make it unfair: replies are cut at 32 tokens, since random weights hardly ever end one, so sampling is mostly
one token at a time and no figure for a trained policy; screenshots of noise cost what real ones cost. On a machine
without a GPU nothing is measured and it says why; `--quick` runs every line with a tiny model, also on a processor, and
is never a figure.

`python -m benchmarks.gpu [--shapes 2B 3B] [--lengths 4k 43k] [--limit-s 420] [--quick] [--json]`
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

KEYS = (
    "mfu", "trained_tokens_per_s", "rollout_tokens_per_s", "prefix_hit", "peak_gb", "plan_gb", "rollout_peak_gb",
    "rollout_plan_gb", "weight_push_s", "trl_trained_tokens_per_s",
)  # fmt: skip
DATA_SHEET_TFLOPS = {"H200": 989.0, "H100": 989.0, "B200": 2250.0, "A100": 312.0, "L40S": 362.0, "RTX 4090": 165.2}
"""Dense bfloat16, by NVIDIA's data sheets."""
NEEDED = ("torch", "transformers", "pydantic", "peft")
LIMIT_S = 420.0


def why_skipped() -> str | None:
    """Why nothing can be measured here; None where it can."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        return f"not installed here: {', '.join(missing)}; run ./arpo setup, or install them beside torch"
    import torch

    if not torch.cuda.is_available():
        return "torch sees no NVIDIA GPU here; run it on a machine that has one"
    return None


def measure(cases: list[Any], device: str, limit_s: float) -> dict[str, Any]:
    """Every case until time is up; what could not be measured says why."""
    import torch

    from benchmarks.gpu_runs import Measured

    began, runs = time.perf_counter(), []
    peak_tflops = None if device == "cpu" else data_sheet(torch.cuda.get_device_name())
    for case in cases:
        run: dict[str, Any] = {"case": case.name, "shape": case.shape, "length": case.length, "lora": case.lora}
        runs.append(run)
        if time.perf_counter() - began > limit_s:
            run["skipped"] = f"the {limit_s:g} s of --limit-s were over"
            continue
        started = time.perf_counter()
        measured = None
        try:
            measured = Measured(case, device)
            measured.all(run.__setitem__)
            if case.beside_trl:
                run.update(beside_trl(measured, case.repeats))
        except torch.OutOfMemoryError as error:
            run["out_of_memory"] = str(error).partition(".")[0]
        if "learner_tflops" in run and peak_tflops:
            run["mfu"] = round(run["learner_tflops"] / peak_tflops, 4)
        run["seconds"] = round(time.perf_counter() - started, 1)
        print(f"{case.name}: {run}", file=sys.stderr)
        del measured
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()
    return {**by_key(runs), "data_sheet_tflops": peak_tflops, "runs": runs}


def beside_trl(measured: Any, repeats: int) -> dict[str, Any]:
    """TRL on the same, or why there is none."""
    missing = [name for name in ("trl", "datasets") if find_spec(name) is None]
    if missing:
        return {"trl_skipped": f"not installed here: {', '.join(missing)}"}
    from benchmarks.gpu_trl import measure_trl

    measured.let_go()
    return measure_trl(measured, repeats)


def by_key(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """{figure: {shape: {length: value}}}, with an adapter's apart as `2B LoRA 32`."""
    found: dict[str, Any] = {}
    for run in runs:
        model = run["case"].rpartition(" ")[0]
        for key in KEYS:
            if key in run:
                found.setdefault(key, {}).setdefault(model, {})[run["length"]] = run[key]
    return found


def data_sheet(name: str) -> float | None:
    """The bfloat16 rate of a GPU by its name (TFLOP/s); None where it is not in the table."""
    return next((rate for known, rate in DATA_SHEET_TFLOPS.items() if known in name), None)


def matmul_tflops(side: int = 8192, repeats: int = 10) -> float:
    """What a large bfloat16 product of random numbers reaches on this card."""
    import torch

    left, right = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        left @ right
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(repeats):
        left @ right
    torch.cuda.synchronize()
    return 2 * side**3 * repeats / (time.perf_counter() - began) / 1e12


def show(figures: dict[str, Any]) -> None:
    """Rows that can stand in docs/performance.md as they are."""
    print("| case | MFU | trained tokens/s | TRL | rollout tokens/s | KV reused | push s | peak GB | plan GB | off |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for run in figures["runs"]:
        why = run.get("skipped") or run.get("out_of_memory")
        if why:
            print(f"| {run['case']} | {why} |" + " |" * 8)
            continue
        print("| " + " | ".join(cells(run)) + " |")


def cells(run: dict[str, Any]) -> list[str]:
    """One row; a dash where nothing was measured."""

    def of(key: str, form: str) -> str:
        return format(run[key], form) if run.get(key) is not None else "–"

    off = "–"
    if run.get("peak_gb") and run.get("plan_gb"):
        off = f"{run['plan_gb'] / run['peak_gb'] - 1:+.0%}"
    return [
        run["case"], of("mfu", ".1%"), of("trained_tokens_per_s", ",.0f"), of("trl_trained_tokens_per_s", ",.0f"),
        of("rollout_tokens_per_s", ",.0f"), of("prefix_hit", ".1%"), of("weight_push_s", ".3f"), of("peak_gb", ".1f"),
        of("plan_gb", ".1f"), off,
    ]  # fmt: skip


def wanted(shapes: list[str], lengths: list[str], *, quick: bool) -> list[Any]:
    """What is measured, the shortest first, and last the one that says whether a 7B with LoRA has room."""
    from benchmarks.gpu_runs import Case

    if quick:
        tiny = Case(shape="tiny", length="tiny", trajectories=2, rollouts=2, repeats=1, beside_trl=True)
        return [tiny, Case(shape="tiny", length="tiny", lora=4, trajectories=2, rollouts=0, repeats=1)]
    sizes = {"4k": (8, 8), "43k": (2, 4)}
    cases = [
        Case(shape=shape, length=length, trajectories=sizes[length][0], rollouts=sizes[length][1], beside_trl=True)
        for length in lengths
        for shape in shapes
    ]
    return [*cases, Case(shape="7B", length="43k", lora=32, trajectories=2, rollouts=0, repeats=1)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=["2B", "3B", "7B"], default=["2B", "3B"])
    parser.add_argument("--lengths", nargs="+", choices=["4k", "43k"], default=["4k", "43k"])
    parser.add_argument("--limit-s", type=float, default=LIMIT_S, help="seconds after which no other case is begun")
    parser.add_argument("--quick", action="store_true", help="a smoke test of the benchmark; never a figure")
    parser.add_argument("--json", action="store_true", help="only the line of JSON")
    arguments = parser.parse_args()
    reason = why_skipped()
    if reason is not None and not (arguments.quick and "sees no" in reason):
        return skip(reason, only_json=arguments.json)
    from benchmarks.common import header, print_json

    device = "cpu" if reason is not None else "cuda"
    figures: dict[str, Any] = {**header(), "quick": arguments.quick}
    if device == "cuda":
        figures["matmul_tflops"] = round(matmul_tflops(), 1)
    cases = wanted(arguments.shapes, arguments.lengths, quick=arguments.quick)
    figures.update(measure(cases, device, arguments.limit_s))
    if not arguments.json:
        show(figures)
    print_json(figures)
    return 0


def skip(reason: str, *, only_json: bool) -> int:
    """Nothing was measured, which is no failure."""
    import json

    if not only_json:
        print(f"skipped: {reason}")
    print(json.dumps({"skipped": reason}))
    return 0


if __name__ == "__main__":
    sys.exit(main())

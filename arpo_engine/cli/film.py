"""`python -m arpo_engine film`: one task before and after training, side by side, from a run's own record."""

from __future__ import annotations

import argparse
from pathlib import Path

from arpo_engine.contract.outcomes import Split
from arpo_engine.evaluation.film import choose_pair, film, takes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run, the task and the picture."""
    parser.add_argument("--run-dir", type=Path, required=True, help="run folder, trained with frames.sample_every=1")
    parser.add_argument("--task", help="task id; by default the longest that was failed before and solved after")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write (animated WebP)")


def main(arguments: argparse.Namespace) -> int:
    """Choose, draw, and say what was drawn."""
    pair = choose_pair(takes(arguments.run_dir, Split.HELD_OUT), arguments.task)
    film(arguments.run_dir, pair, arguments.out)
    print(f"{arguments.out}: {pair[1].started.instruction!r}, {pair[0].started.step} and {pair[1].started.step}")
    return 0

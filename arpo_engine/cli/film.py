"""`python -m arpo_engine film`: one task before and after training, side by side, from what runs recorded."""

from __future__ import annotations

import argparse
from pathlib import Path

from arpo_engine.evaluation.film import choose_pair, film, takes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The runs, the task and the picture."""
    frames = "run folder with frames.sample_every=1"
    parser.add_argument("--before", type=Path, required=True, help=f"{frames}: the starting policy is measured")
    parser.add_argument("--after", type=Path, required=True, help=f"{frames}: the trained policy is measured")
    parser.add_argument("--task", help="task id; by default the longest that was failed before and solved after")
    parser.add_argument("--out", type=Path, required=True, help="the picture to write (animated WebP)")


def main(arguments: argparse.Namespace) -> int:
    """Choose, draw, and say what was drawn."""
    before, after = choose_pair(takes(arguments.before), takes(arguments.after), arguments.task)
    film((before, after), arguments.out)
    print(f"{arguments.out}: {after.started.task_id}, {after.started.instruction!r}")
    return 0

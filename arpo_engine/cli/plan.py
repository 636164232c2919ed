"""`python -m arpo_engine plan`: memory, hours, desktops and disk of a run before it is started. Starts nothing."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from arpo_engine.cli.plan_report import as_json, show
from arpo_engine.contract.config import load_config
from arpo_engine.contract.plan.cures import too_long, ways_to_fit
from arpo_engine.contract.plan.planning import Machine, pace_for, plan_of
from arpo_engine.models.shape import shape_at
from arpo_engine.runtime.hardware import this_machine
from arpo_engine.runtime.plan_checks import count_tasks

OK, TOO_LARGE = 0, 3
WIDTH_WITHOUT_A_TERMINAL = 160
PACE = {
    "action_s": ("--action-s", "seconds of one action on a desktop, its screenshot included"),
    "reset_s": ("--reset-s", "seconds of a desktop's reset"),
    "reply_s": ("--reply-s", "seconds of one reply"),
    "tflops": ("--tflops", "arithmetic of one device that learns, 10^12 operations a second"),
    "mfu": ("--mfu", "share of that which the learner reaches"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The config, the machine that it is held against, and the paces that are assumed."""
    parser.add_argument("--config", type=Path, required=True, help="YAML or JSON file of the run")
    parser.add_argument("settings", nargs="*", metavar="key=value", help="change a setting: model.lora.rank=32")
    parser.add_argument("--gpus", type=int, help="GPUs that may learn; without, those of this machine; 0: a processor")
    parser.add_argument("--gpu-gb", type=float, help="memory of each (GB); 80 where no GPU is here")
    for name, (option, help_text) in PACE.items():
        parser.add_argument(option, type=float, dest=name, help=f"assume {help_text}")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def main(arguments: argparse.Namespace) -> int:
    """Plan and show; 3 when it does not fit."""
    config = load_config(arguments.config, arguments.settings)
    machine, shape, tasks = machine_of(arguments), shape_at(config.model.path), count_tasks(config)
    assumed = {name: value for name in PACE if (value := getattr(arguments, name)) is not None}
    pace = replace(pace_for(config, machine), **assumed)
    plan = plan_of(config, machine, shape=shape, tasks=tasks, pace=pace)
    ways = ways_to_fit(config, plan, shape=shape, tasks=tasks)
    long = too_long(config, plan, shape=shape)
    if arguments.json:
        print(json.dumps(as_json(plan, ways, long)))
    else:
        console = Console()
        show(plan, ways, long, console if console.is_terminal else Console(width=WIDTH_WITHOUT_A_TERMINAL))
    return OK if plan.fits else TOO_LARGE


def machine_of(arguments: argparse.Namespace) -> Machine:
    """The machine that was named, or this one; of a machine that is named the computer's memory is not known."""
    here = this_machine()
    if arguments.gpus is None and arguments.gpu_gb is None:
        return here
    gpus = arguments.gpus if arguments.gpus is not None else max(1, here.gpus)
    return Machine(gpus=gpus, gpu_gb=arguments.gpu_gb or here.gpu_gb, cores=here.cores)

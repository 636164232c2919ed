"""`python -m arpo_engine import-checkpoint`: weights of an ARPO or EasyR1 checkpoint as a model folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from arpo_engine.contract.errors import ModelError
from arpo_engine.models.folder import locate

DTYPES = ("keep", "bfloat16", "float32")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoint, where the model goes, and what the checkpoint may lack."""
    parser.add_argument("folder", type=Path, help="global_step_N of a checkpoint, or its actor/ folder")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to make; nothing is overwritten")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FOLDER",
        help="config and tokenizer, where there is no huggingface/ beside the weights",
    )
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="keep",
        help="round the weights to it (default: keep, bit for bit; the published merger rounds to bfloat16)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Import, and say what is not in it."""
    # torch and transformers take seconds, which a mistake in the words above need not.
    import torch

    from arpo_engine.models.shards.importing import import_shards

    dtype = None if arguments.dtype == "keep" else getattr(torch, arguments.dtype)
    made = import_shards(arguments.folder, arguments.out, config=arguments.config, dtype=dtype, tell=print)
    step = "" if made.step is None else f" of step {made.step}"
    ranks = "1 rank" if made.ranks == 1 else f"{made.ranks} ranks"
    numbers = f"{made.parameters / 1e6:,.2f} million in {' and '.join(made.dtypes)}"
    print(f"{made.folder}: the weights{step}, {numbers}, merged from {ranks}")
    print("Not in it, so a run starts from these weights and does not resume that training:")
    for line in made.left_behind:
        print(f"- {line}")
    try:
        locate(str(made.folder))
    except ModelError as error:
        print(f"For transformers and vLLM only, since {error}")
    else:
        print(f"Train from it with model.path={made.folder}")
    return 0

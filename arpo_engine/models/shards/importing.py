"""A checkpoint of ARPO or EasyR1 becomes a model folder that this engine, transformers and vLLM load.

Weights only, in the dtype that they were trained in. What cannot be taken over is in `left_behind`, each with its
reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.models.folder import replace_folder
from arpo_engine.models.shards import inert
from arpo_engine.models.shards.described import check_against, is_tied, model_config
from arpo_engine.models.shards.folder import ShardFolder, find_shards
from arpo_engine.models.shards.merging import Share, merge, share_of
from arpo_engine.models.shards.writing import copy_settings, write_weights

LEFT_BEHIND = (
    (
        "optim_world_size_*.pt",
        "the optimizer's moments: they are cut and named as that FSDP wrapped that model, and belong to its schedule; "
        "Adam starts from zero here, so keep a warm-up",
    ),
    ("extra_state_world_size_*.pt", "the schedule and the random states of each rank: nothing here draws from those"),
    (
        "../dataloader.pt",
        "the place in the task order: it counts in a shuffle of torchdata that this engine does not make; the tasks "
        "begin anew",
    ),
    ("../critic", "the critic: this engine trains without one"),
)
"""What a checkpoint may hold beside the weights, and why it is not taken over."""
NEVER_SAVED = "the replay buffer: the published code never saved it; it begins empty"
HEAD = "lm_head.weight"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was made."""

    folder: Path
    step: int | None
    """Training step of the checkpoint, by its folder's name."""
    ranks: int
    parameters: int
    dtypes: tuple[str, ...]
    left_behind: tuple[str, ...]
    """What of the checkpoint is not in the folder, and why."""


def import_shards(
    source: Path,
    out: Path,
    *,
    config: Path | None = None,
    dtype: torch.dtype | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Imported:
    """Merge the ranks' weights of a checkpoint into a Hugging Face folder, in one atomic step.

    Args:
        source: `global_step_N`, or its `actor/`.
        out: the folder to make; it must not exist, or be empty.
        config: folder with config and tokenizer, where the checkpoint has no `huggingface/`.
        dtype: round the weights to it; none: as they are, bit for bit.
        tell: hears what is being done.

    Raises:
        CheckpointError: a file is missing, hostile, torn or of another step, or the weights are not the config's.
    """
    found = find_shards(source)
    settings = _settings_of(found, config)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CheckpointError(f"{out} is there already, and nothing is overwritten; give another folder with --out")
    shares = _usable_shares(found, settings, tell)
    sizes = {name: _bytes(row[0], dtype) for name, row in shares.items()}

    def write(fresh: Path) -> None:
        write_weights(fresh, sizes, lambda name: _merged(name, shares[name], dtype), tell)
        copy_settings(settings, fresh, {dtype or row[0].dtype for row in shares.values()})

    try:
        replace_folder(out.absolute(), write)
    except OSError as error:
        raise CheckpointError(
            f"{out} cannot be written ({error.strerror or error}): it takes {sum(sizes.values()) / 1e9:.1f} GB; make "
            "room, or give another folder with --out"
        ) from error
    return Imported(
        folder=out,
        step=found.step,
        ranks=found.world_size,
        parameters=sum(row[0].numbers for row in shares.values()),
        dtypes=tuple(sorted({str(dtype or row[0].dtype).removeprefix("torch.") for row in shares.values()})),
        left_behind=(*_left_behind(found), NEVER_SAVED),
    )


def _settings_of(found: ShardFolder, config: Path | None) -> Path:
    folder = config or found.config
    for name in ("config.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            where = f"--config {folder}" if config else f"{folder}, where the trainer leaves config and tokenizer,"
            raise CheckpointError(
                f"{where} has no {name}; give --config FOLDER with the model folder that the training started from"
            )
    return folder


def _usable_shares(found: ShardFolder, settings: Path, tell: Callable[[str], None]) -> dict[str, list[Share]]:
    """The weights to write, once it is known that they belong together and to the config."""
    shares = _shares(found, tell)
    _same_step(found)
    _no_adapter(found, shares)
    config = model_config(settings)
    check_against(settings, config, {name: row[0].shape for name, row in shares.items()})
    _without_tied_head(shares, tied=is_tied(config))
    return shares


def _shares(found: ShardFolder, tell: Callable[[str], None]) -> dict[str, list[Share]]:
    """How each rank describes its part of each weight; what they hold is still on the disk."""
    tell(f"reading {found.world_size} files in {found.folder}")
    ranks = [inert.read(path, names=inert.WEIGHTS) for path in found.files]
    for rank, tree in enumerate(ranks):
        odd = sorted(set(tree) ^ set(ranks[0]))
        if odd:
            raise CheckpointError(
                f"{found.files[rank]} and that of rank 0 do not have the same weights: only one of them has {odd[0]}; "
                "copy all files of one checkpoint again"
            )
    return {name: [_read_share(name, tree[name], path) for tree, path in zip(ranks, found.files, strict=True)]
            for name in ranks[0]}  # fmt: skip


def _read_share(name: str, value: Any, path: Path) -> Share:
    try:
        return share_of(name, value)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not describe {name} as FSDP does ({error}); copy it again") from error


def _merged(name: str, shares: list[Share], dtype: torch.dtype | None) -> Tensor:
    whole = merge(name, shares)
    return whole if dtype is None or not whole.is_floating_point() else whole.to(dtype)


def _bytes(share: Share, dtype: torch.dtype | None) -> int:
    return share.numbers * (dtype or share.dtype).itemsize


def _same_step(found: ShardFolder) -> None:
    """The weights do not say of which step they are; the schedule beside them does.

    Raises:
        CheckpointError: the ranks' schedules stand at different steps.
    """
    steps = {}
    for path in found.extra_states:
        schedule = inert.read(path, names=inert.EXTRA_STATE).get("lr_scheduler")
        steps[path] = schedule.get("last_epoch") if isinstance(schedule, dict) else None
    if len(set(steps.values())) > 1:
        told = ", ".join(f"{path.name} at {step}" for path, step in steps.items())
        raise CheckpointError(
            f"the ranks in {found.folder} are of different steps, by their schedules: {told}; copy all files of one "
            "checkpoint again"
        )


def _no_adapter(found: ShardFolder, shares: dict[str, list[Share]]) -> None:
    adapted = next((name for name in shares if ".lora_" in name), None)
    if adapted:
        raise CheckpointError(
            f"{found.folder} holds a LoRA adapter beside its base ({adapted}); merge it with EasyR1's "
            "scripts/model_merger.py and give the folder that it writes as model.path"
        )


def _without_tied_head(shares: dict[str, list[Share]], *, tied: bool) -> None:
    """A tied head is saved twice by FSDP and once by everybody else.

    Raises:
        CheckpointError: it should be tied and is another matrix.
    """
    embedding = next((name for name in shares if name.endswith("embed_tokens.weight")), None)
    if not (tied and HEAD in shares and embedding):
        return
    if not torch.equal(merge(HEAD, shares[HEAD]), merge(embedding, shares[embedding])):
        raise CheckpointError(
            f"the config ties {HEAD} to {embedding}, and they differ; set tie_word_embeddings to false in the "
            "config.json if they were trained apart"
        )
    del shares[HEAD]


def _left_behind(found: ShardFolder) -> Iterator[str]:
    for pattern, why in LEFT_BEHIND:
        place = found.folder.parent if pattern.startswith("../") else found.folder
        name = pattern.removeprefix("../")
        if any(place.glob(name)):
            yield f"{name}: {why}"

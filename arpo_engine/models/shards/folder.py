"""Where a checkpoint of ARPO or EasyR1 keeps what: `global_step_N/actor/`, one file a rank, `huggingface/` beside them.

Looks at names only; must not import torch, because every model folder is asked whether it is one of these.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from arpo_engine.contract.errors import CheckpointError

_RANK = re.compile(r"model_world_size_(\d+)_rank_(\d+)\.pt")
_STEP = re.compile(r"global_step_(\d+)")
ACTOR, CONFIG = "actor", "huggingface"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardFolder:
    """The parts of one checkpoint."""

    folder: Path
    world_size: int

    @property
    def files(self) -> list[Path]:
        """The weights, by rank."""
        return [self.folder / f"model_world_size_{self.world_size}_rank_{rank}.pt" for rank in range(self.world_size)]

    @property
    def extra_states(self) -> list[Path]:
        """Schedules and random states, by rank, as far as they are there."""
        stem = f"extra_state_world_size_{self.world_size}_rank"
        return [path for rank in range(self.world_size) if (path := self.folder / f"{stem}_{rank}.pt").is_file()]

    @property
    def config(self) -> Path:
        """Where config and tokenizer should be."""
        return self.folder / CONFIG

    @property
    def step(self) -> int | None:
        """By the name of its folder."""
        for part in (self.folder.name, self.folder.parent.name):
            if found := _STEP.fullmatch(part):
                return int(found[1])
        return None


def holds_shards(folder: Path) -> bool:
    """Whether these are a checkpoint of theirs, or a folder of them, and no model folder."""
    return bool(_ranks(folder) or _ranks(folder / ACTOR) or _steps(folder))


def find_shards(folder: Path) -> ShardFolder:
    """The weights in a checkpoint folder or in its `actor/`.

    Raises:
        CheckpointError: there are none, or of several runs, or not of every rank.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; give the global_step_N folder of a checkpoint")
    for place in (folder, folder / ACTOR):
        ranks = _ranks(place)
        if ranks:
            return _complete(place, ranks)
    steps = _steps(folder)
    if steps:
        raise CheckpointError(
            f"{folder} holds the checkpoints of steps {', '.join(map(str, steps))}; name one of them, such as "
            f"{folder / f'global_step_{steps[-1]}'}"
        )
    raise CheckpointError(
        f"{folder} holds no model_world_size_W_rank_R.pt, itself or in {ACTOR}/; give the global_step_N folder of a "
        "checkpoint of ARPO or EasyR1"
    )


def _complete(folder: Path, ranks: list[tuple[int, int]]) -> ShardFolder:
    sizes = sorted({size for size, _ in ranks})
    if len(sizes) > 1:
        raise CheckpointError(
            f"{folder} holds files of runs on {' and on '.join(map(str, sizes))} ranks; keep those of one of them"
        )
    there = {rank for _, rank in ranks}
    missing = [str(rank) for rank in range(sizes[0]) if rank not in there]
    if missing:
        raise CheckpointError(
            f"{folder} lacks the weights of rank {', '.join(missing)} of {sizes[0]} (model_world_size_{sizes[0]}_rank_"
            f"{missing[0]}.pt); on several machines each wrote its own ranks, copy them into one folder"
        )
    return ShardFolder(folder=folder, world_size=sizes[0])


def _ranks(folder: Path) -> list[tuple[int, int]]:
    found = (_RANK.fullmatch(path.name) for path in folder.glob("model_world_size_*.pt"))
    return sorted((int(name[1]), int(name[2])) for name in found if name)


def _steps(folder: Path) -> list[int]:
    found = ((_STEP.fullmatch(path.name), path) for path in folder.glob("global_step_*"))
    return sorted(int(name[1]) for name, path in found if name and (_ranks(path / ACTOR) or _ranks(path)))

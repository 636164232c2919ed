"""A run's whole state, into a checkpoint and out of it again. The one place that knows which parts have a state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arpo_engine.contract.errors import CheckpointError, ModelError
from arpo_engine.contract.events import CheckpointSaved, LogWritten
from arpo_engine.trainer.checkpoint import Saved
from arpo_engine.trainer.parts import Parts
from arpo_engine.trainer.selection import kept_choice, restore_choice

LOGGER = "arpo_engine.trainer.resume"
EXPORT = "export"


async def save(parts: Parts, *, measured_success: float | None, may_be_best: bool = True) -> Saved:
    """Write a checkpoint of the step that was just finished, say so, and drop what need not be kept.

    What may change while the file is written (a stream goes on) is looked at first, all in one moment.
    """
    learner = parts.learner.state_dict()
    step = parts.progress.step
    state = {
        "progress": parts.progress.state_dict(),
        "learner": learner,
        "algorithm": parts.algorithm.state_dict(),
        "chosen": kept_choice(parts),
        "order": parts.order.state_dict(),
        "guard": parts.guard.state_dict(),
        "planned": parts.planner.planned,
        "seed": parts.config.seed,
    }
    stream = parts.collector.state()

    def write() -> Saved:
        whole = state if stream is None else {**state, "stream": stream.packed()}
        return parts.store.save(
            step, write_policy=parts.policy.save, write_moments=parts.learner.save_moments, state=whole
        )

    saved = await asyncio.to_thread(write)
    best = parts.store.best
    is_best = best is None or (may_be_best and measured_success is not None and measured_success >= best[1])
    if is_best:
        parts.store.mark_best(step, measured_success or 0.0)
        parts.pusher.best(saved)
    parts.store.prune()
    parts.sink.emit(
        CheckpointSaved(
            step=step,
            path=saved.path.relative_to(parts.run_dir).as_posix(),
            best=is_best,
            bytes=saved.bytes,
            export_path=saved.policy.relative_to(parts.run_dir).as_posix(),
        )
    )
    return saved


def export(parts: Parts) -> Path | None:
    """Where an adapter was trained, leave it merged into its model and alone, side by side: checkpoints hold no more
    than the adapter. Otherwise a checkpoint's policy is an export already.

    A disk that refuses it is told of, and the run ends as it would: the checkpoint has what was learnt.

    Returns:
        The merged model, if one was written.
    """
    if parts.policy.adapter is None:
        return None
    folder = parts.run_dir / EXPORT
    try:
        parts.policy.export(folder / "merged")
        parts.policy.save(folder / "adapter")
    except OSError as error:
        _warn(parts, f"the adapter is not merged: {folder}: {error.strerror or error}; make room and resume the run")
        return None
    return folder / "merged"


def restore_newest(parts: Parts) -> int | None:
    """Go on from the newest whole checkpoint; the step that it was saved at, or None if there is none.

    Raises:
        CheckpointError: there are checkpoints, but none that this run can use.
    """
    saved = parts.store.newest_whole(lambda text: _warn(parts, text))
    if saved is None:
        return None
    optimizer, state = parts.store.load(saved)
    if state["seed"] != parts.config.seed:
        raise CheckpointError(
            f"{saved.path} was made with seed {state['seed']}, this run has seed = {parts.config.seed}; set seed="
            f"{state['seed']} to resume it, or start anew with --no-resume"
        )
    _load_learner(parts, saved, optimizer, state)
    parts.progress.load_state_dict(state["progress"])
    parts.algorithm.load_state_dict(state["algorithm"])
    restore_choice(parts, state.get("chosen"), saved.path)
    parts.order.load_state_dict(state["order"])
    parts.guard.load_state_dict(state["guard"])
    parts.planner.planned = int(state["planned"])
    if "stream" in state:
        parts.collector.load_state_dict(state["stream"])
    return saved.step


def restore_best(parts: Parts) -> int | None:
    """Weights and optimizer of the best checkpoint; everything else goes on. Its step, or None if there is none."""
    best = parts.store.best
    if best is None:
        return None
    saved = parts.store.verify(best[0])
    optimizer, state = parts.store.load(saved)
    factor = parts.learner.rate_factor
    _load_learner(parts, saved, optimizer, state)
    parts.learner.rate_factor = factor
    return saved.step


def _load_learner(parts: Parts, saved: Saved, optimizer: Mapping[str, Any] | Path, state: dict[str, Any]) -> None:
    try:
        parts.policy.load_weights(saved.policy)
    except ModelError as error:
        raise CheckpointError(
            f"{saved.path} does not fit model.path = {parts.config.model.path!r}: {error}; give the model that the run "
            "was started with, or start anew with --no-resume"
        ) from error
    try:
        parts.learner.load_state_dict({**state["learner"], "optimizer": optimizer})
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"the optimizer of {saved.path} knows other weights ({type(error).__name__}: {error}); give "
            "optimizer.kind, model.freeze_vision and model.lora as they were, or start anew with --no-resume"
        ) from error


def _warn(parts: Parts, text: str) -> None:
    parts.sink.emit(LogWritten(level="warning", logger=LOGGER, message=text))

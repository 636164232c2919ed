"""A run's whole state, into a checkpoint and out of it again. The one place that knows which parts have a state."""

from __future__ import annotations

from typing import Any

from arpo_engine.contract.errors import CheckpointError, ModelError
from arpo_engine.contract.events import CheckpointSaved, LogWritten
from arpo_engine.trainer.checkpoint import Saved
from arpo_engine.trainer.parts import Parts

LOGGER = "arpo_engine.trainer.resume"


def save(parts: Parts, *, measured_success: float | None, may_be_best: bool = True) -> Saved:
    """Write a checkpoint of the step that was just finished, say so, and drop what need not be kept."""
    learner = parts.learner.state_dict()
    step = parts.progress.step
    saved = parts.store.save(
        step,
        write_policy=parts.policy.save,
        tensors={"optimizer": learner.pop("optimizer")},
        state={
            "progress": parts.progress.state_dict(),
            "learner": learner,
            "algorithm": parts.algorithm.state_dict(),
            "order": parts.order.state_dict(),
            "guard": parts.guard.state_dict(),
            "planned": parts.planner.planned,
            "seed": parts.config.seed,
        },
    )
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


def restore_newest(parts: Parts) -> int | None:
    """Go on from the newest whole checkpoint; the step that it was saved at, or None if there is none.

    Raises:
        CheckpointError: there are checkpoints, but none that this run can use.
    """
    saved = parts.store.newest_whole(lambda text: _warn(parts, text))
    if saved is None:
        return None
    tensors, state = parts.store.load(saved)
    if state["seed"] != parts.config.seed:
        raise CheckpointError(
            f"{saved.path} was made with seed {state['seed']}, this run has seed = {parts.config.seed}; set seed="
            f"{state['seed']} to resume it, or start anew with --no-resume"
        )
    _load_learner(parts, saved, tensors, state)
    parts.progress.load_state_dict(state["progress"])
    parts.algorithm.load_state_dict(state["algorithm"])
    parts.order.load_state_dict(state["order"])
    parts.guard.load_state_dict(state["guard"])
    parts.planner.planned = int(state["planned"])
    return saved.step


def restore_best(parts: Parts) -> int | None:
    """Weights and optimizer of the best checkpoint; everything else goes on. Its step, or None if there is none."""
    best = parts.store.best
    if best is None:
        return None
    saved = parts.store.verify(best[0])
    tensors, state = parts.store.load(saved)
    factor = parts.learner.rate_factor
    _load_learner(parts, saved, tensors, state)
    parts.learner.rate_factor = factor
    return saved.step


def _load_learner(parts: Parts, saved: Saved, tensors: dict[str, Any], state: dict[str, Any]) -> None:
    try:
        parts.policy.load_weights(saved.policy)
    except ModelError as error:
        raise CheckpointError(
            f"{saved.path} does not fit model.path = {parts.config.model.path!r}: {error}; give the model that the run "
            "was started with, or start anew with --no-resume"
        ) from error
    try:
        parts.learner.load_state_dict({**state["learner"], "optimizer": tensors["optimizer"]})
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{saved.path} has the state of another optimizer than optimizer.kind = {parts.config.optimizer.kind!r} "
            f"({type(error).__name__}: {error}); set the one that the run was started with, or start anew with "
            "--no-resume"
        ) from error


def _warn(parts: Parts, text: str) -> None:
    parts.sink.emit(LogWritten(level="warning", logger=LOGGER, message=text))

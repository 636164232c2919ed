"""What happens when the guard saw a collapse: back to the best checkpoint, slower, and everybody is told."""

from __future__ import annotations

from arpo_engine.contract.errors import PolicyCollapsed
from arpo_engine.contract.events import CollapseNoticed
from arpo_engine.trainer import resume
from arpo_engine.trainer.guard import Collapse
from arpo_engine.trainer.parts import Parts


def return_to_best(parts: Parts, collapse: Collapse) -> None:
    """Take the best weights again and lower the learning rate.

    Raises:
        PolicyCollapsed: it has done so `guard.max_returns` times already.
    """
    config = parts.config.guard
    if parts.guard.exhausted:
        message = (
            f"{collapse.sentence}, after {parts.guard.returns} returns to the best checkpoint already; lower "
            f"optimizer.lr (it is {parts.config.optimizer.lr:g}) and start again from the best checkpoint"
        )
        _tell(parts, collapse, None, message)
        raise PolicyCollapsed(message)
    returned_to = resume.restore_best(parts)
    parts.learner.rate_factor *= config.lr_factor
    parts.guard.returned()
    message = (
        f"{collapse.sentence}; went back to the weights of step {returned_to}, and the learning rate is now "
        f"{parts.learner.rate_factor:g} of what it would be"
    )
    _tell(parts, collapse, returned_to, message)


def _tell(parts: Parts, collapse: Collapse, returned_to: int | None, message: str) -> None:
    parts.sink.emit(
        CollapseNoticed(
            step=parts.progress.step,
            signal=collapse.signal,
            value=collapse.value,
            bound=collapse.bound,
            returned_to_step=returned_to,
            message=message,
        )
    )

"""Notices a policy that falls apart: unreadable replies, no exploration, lost success, numbers that are no numbers.

It judges; going back to the best checkpoint is the loop's business. Knows numbers; knows no weights, no files.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from arpo_engine.contract.config.parts import GuardConfig

Signal = Literal["format", "entropy", "success", "not_finite"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What one training step shows of the policy's health."""

    success: float
    format: float
    entropy: float | None
    finite: bool


@dataclass(frozen=True, slots=True)
class Collapse:
    """What fell, and the bound that it crossed."""

    signal: Signal
    value: float | None
    bound: float
    sentence: str


class Guard:
    """Averages a window of steps and compares it with fixed bounds and with the best window so far."""

    def __init__(self, config: GuardConfig) -> None:
        self._config = config
        self._window: deque[Signs] = deque(maxlen=config.window_steps)
        self.best_success: float | None = None
        self.returns = 0

    @property
    def success(self) -> float | None:
        """Mean success of the window, once it is full."""
        if len(self._window) < self._config.window_steps:
            return None
        return _mean([signs.success for signs in self._window])

    @property
    def exhausted(self) -> bool:
        """Whether it may not go back once more."""
        return self.returns >= self._config.max_returns

    def judge(self, signs: Signs) -> Collapse | None:
        """Take a step in; a collapse, if there is one."""
        self._window.append(signs)
        if not signs.finite:
            return Collapse("not_finite", None, 0.0, "a loss or a gradient was not a finite number")
        if not self._config.enabled or self.success is None:
            return None
        collapse = self._format() or self._entropy() or self._success()
        if collapse is None:
            self.best_success = max(self.best_success or 0.0, self.success)
        return collapse

    def returned(self) -> None:
        """The loop went back to the best checkpoint: what was seen since then says nothing any more."""
        self.returns += 1
        self._window.clear()

    def state_dict(self) -> dict[str, Any]:
        """Window, best and count."""
        return {
            "window": [asdict(signs) for signs in self._window],
            "best_success": self.best_success,
            "returns": self.returns,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self._window.clear()
        self._window.extend(Signs(**signs) for signs in state["window"])
        self.best_success = state["best_success"]
        self.returns = int(state["returns"])

    def _format(self) -> Collapse | None:
        value, bound = _mean([signs.format for signs in self._window]), self._config.format_below
        if value >= bound:
            return None
        return Collapse(
            "format", value, bound, f"mean format reward {value:.2f} is below {bound:g}: replies are unreadable"
        )

    def _entropy(self) -> Collapse | None:
        known = [signs.entropy for signs in self._window if signs.entropy is not None]
        if len(known) < self._config.window_steps:
            return None
        value, bound = _mean(known), self._config.entropy_below
        if value >= bound:
            return None
        return Collapse(
            "entropy", value, bound, f"mean entropy {value:.4f} is below {bound:g}: nothing is explored any more"
        )

    def _success(self) -> Collapse | None:
        if self.best_success is None or self.success is None:
            return None
        bound = self.best_success - self._config.success_drop
        if self.success >= bound:
            return None
        sentence = f"success fell to {self.success:.0%}, from {self.best_success:.0%} in the best window"
        return Collapse("success", self.success, bound, sentence)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

"""What became of one case: the same answer, a deviation that was announced beforehand, or a mismatch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Case = Mapping[str, Any]
Outcome = Literal["match", "deviation", "mismatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One case, judged."""

    case: str
    """The case's own id."""
    outcome: Outcome
    rule: str = ""
    """For a deviation: the rule of docs/fidelity.md, decided on the case's input alone."""
    detail: str = ""
    """For a mismatch: what was expected and what came."""


class Suite(Protocol):
    """A module that can judge cases of one kind."""

    def judge(self, case: Case) -> Verdict:
        """Compute our answer and compare.

        Raises:
            ConfigError: the case cannot be understood; the message says why.
        """
        ...

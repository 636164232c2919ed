"""How many desktops a run has: at most, and at least. Knows no kind of desktop."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from arpo_engine.contract.base import Strict


class BoundedDesktops(Strict):
    """What is said of the number of desktops, whatever they are."""

    count: int = Field(2, ge=1, le=256)
    """Desktops alive at once, at most."""
    min_count: int | None = Field(None, ge=1, le=512)
    """Desktops that stay when few are needed. Others are started while episodes wait for one, and ended when nobody has
    needed them for idle_s. None: all of `count`, from the beginning to the end."""
    idle_s: float = Field(60.0, gt=0)
    """Seconds without an episode until desktops beyond min_count are ended, process by process."""

    @property
    def least(self) -> int:
        """Desktops that always run."""
        return self.count if self.min_count is None else self.min_count

    @model_validator(mode="after")
    def _within_bounds(self) -> Self:
        if self.least > self.count:
            raise ValueError(
                f"min_count is {self.min_count} and count is {self.count}, which is the most; "
                "lower min_count or raise count"
            )
        return self

"""The two pydantic bases of the seam: strict for what a person writes, tolerant for what an engine sends."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a configuration: frozen, and an unknown key is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Wire(BaseModel):
    """A part of an event: frozen; fields of a newer engine are ignored, so an older console still reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

"""The two pydantic bases of the seam: strict for what a person writes, tolerant for what an engine sends."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A part of a configuration: frozen, an unknown key is an error that names it, and numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


class Wire(BaseModel):
    """A part of an event: frozen; fields of a newer engine are ignored, so an older console still reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

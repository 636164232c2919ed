"""A task in OSWorld's JSON form: what to do, how the desktop begins, and how success is decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


class SetupStep(BaseModel):
    """One step that brings the desktop into the state in which the task begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class Evaluator(BaseModel):
    """How a finished episode is scored: `func(result, expected)`, or lists of them joined by `conj`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    func: str | list[str]
    result: dict[str, Any] | list[dict[str, Any]] = Field(default_factory=dict)
    expected: dict[str, Any] | list[dict[str, Any]] = Field(default_factory=dict)
    conj: str = "and"

    @property
    def words(self) -> str:
        """The functions with what they are given, such as `compare_table(vm_file, cloud_file)`; values are left out."""
        functions = [self.func] if isinstance(self.func, str) else self.func
        given = [[*_kinds(self.result, place), *_kinds(self.expected, place)] for place in range(len(functions))]
        calls = [f"{name}({', '.join(kinds)})" if kinds else name for name, kinds in zip(functions, given, strict=True)]
        return f" {self.conj} ".join(calls)


def _kinds(getters: dict[str, Any] | list[dict[str, Any]], place: int) -> list[str]:
    """The kind of getter that the function in this place reads; none where the task names none."""
    if isinstance(getters, list):
        getters = getters[place] if place < len(getters) else {}
    kind = getters.get("type") if isinstance(getters, dict) else None
    return [str(kind)] if kind else []


class Task(BaseModel):
    """One task; unknown top-level fields of a task file are kept, as OSWorld's editions differ in them."""

    model_config = ConfigDict(frozen=True, extra="allow")

    id: str = Field(min_length=1)
    instruction: str = Field(min_length=1)
    snapshot: str = ""
    config: list[SetupStep] = Field(default_factory=list)
    related_apps: list[str] = Field(default_factory=list)
    evaluator: Evaluator
    _folder: Path | None = PrivateAttr(None)
    _files: dict[str, str] = PrivateAttr(default_factory=dict)

    def from_folder(self, folder: Path, files: Mapping[str, str] | None = None) -> Self:
        """The same task, read from a task set in `folder`. Where it lies is no part of what it is; what the files hold
        that lie there with it is.

        Args:
            folder: Below which the task's own files lie.
            files: For each of them, by the path that the task names, the SHA-256 of its bytes; empty where it is not
                there.
        """
        task = self.model_copy()
        task._folder, task._files = folder, dict(files or {})
        return task

    @property
    def folder(self) -> Path | None:
        """The folder of the task set, below which files lie that the task names by a path; none where it was made."""
        return self._folder

    @property
    def infeasible(self) -> bool:
        """Whether the task can only be answered by saying that it cannot be done."""
        return self.evaluator.func == "infeasible"

    @property
    def domain(self) -> str:
        """What results are grouped by: the `domain` of the task file (OSWorld's folder), the `template` of a task that
        was made by one, or the first related app; empty where the task says none."""
        extra = self.model_extra or {}
        named = [extra.get("domain"), extra.get("template"), *self.related_apps]
        return next((str(name) for name in named if name), "")

    @property
    def content_hash(self) -> str:
        """Sixteen hex digits over the whole task, the bytes of its own files among it; results of two editions of one
        id are never mixed. The folder that a task file lies in (`domain`) is no part of it."""
        content = self.model_dump(mode="json", exclude={"domain"})
        if self._files:
            content = {"task": content, "files": self._files}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

"""The new-run form: posted words in, a RunConfig or messages at the fields out. Knows no HTML and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, explain
from arpo_engine.contract.config.yaml_text import read_yaml
from arpo_engine.contract.errors import ConfigError
from webapp.runs.config_tree import flatten, set_path
from webapp.runs.grid import (
    Axis,
    Cell,
    GridError,
    as_line,
    cells,
    combined,
    first_tree,
    is_list,
    parse_lines,
    parse_list,
    size,
)
from webapp.runs.locks import posted_words, still_locked
from webapp.runs.schema_form import Condition, FormField, FormSection, form_fields, form_sections

PREFIX = "c."
"""Stands before a setting's path in the posted names, so that no setting can clash with the form's own fields."""
MAX_YAML_BYTES = 256 * 1024
MAX_TAGS = 12
MAX_TAG_LENGTH = 40


class PastedYamlError(ValueError):
    """A pasted config cannot be shown in the form; the text says why and what to do."""


class RunForm:
    """One filled form. Built from a config to show, or from posted words to check."""

    def __init__(self, tree: Mapping[str, Any], tags: str = "", errors: dict[str, str] | None = None) -> None:
        self.tree: dict[str, Any] = dict(tree)
        self.tags_text = tags
        self.sweep_text = ""
        """Lines of the box that sweeps what is no number."""
        self.axes: list[Axis] = []
        self.errors: dict[str, str] = dict(errors or {})
        self._typed: dict[str, str] = {}
        """Lists of values as they were typed, by the path of their number."""
        self._config: RunConfig | None = None
        self._cells: list[Cell] = []

    @classmethod
    def from_post(cls, posted: Mapping[str, str], locked: Mapping[str, Any] | None = None) -> RunForm:
        """Read what a browser sent; problems of single words are kept as messages at their fields.

        `locked` are settings that this person may not change, with their values: a browser sends none for them, and
        another one is refused.
        """
        locked = locked or {}
        # The database takes any character but NUL, which no field has a use for.
        posted = {**posted_words(locked, PREFIX), **{name: word.replace("\x00", "") for name, word in posted.items()}}
        form = cls({}, tags=posted.get("tags", ""))
        form.sweep_text = posted.get("sweep", "").replace("\r\n", "\n")
        for path, field in form_fields().items():
            if _counts(field, posted):
                set_path(form.tree, path, form._read(field, posted.get(PREFIX + path)))
        form._read_sweep()
        form.errors |= still_locked(locked, flatten(form.tree), [axis.path for axis in form.axes])
        form._check()
        return form

    @classmethod
    def from_yaml(cls, text: str) -> RunForm:
        """Read a pasted config file; what it leaves out takes the tested default.

        Raises:
            PastedYamlError: it is too large, no YAML, or no mapping.
        """
        size = len(text.encode())
        if size > MAX_YAML_BYTES:
            raise PastedYamlError(
                f"The pasted text has {size // 1024} kB; a config has at most {MAX_YAML_BYTES // 1024} kB. "
                "Paste only the run's settings, not its tasks or results."
            )
        try:
            tree = read_yaml(text, "The pasted text")
        except ConfigError as error:
            raise PastedYamlError(f"{error}, and paste it again.") from error
        if not isinstance(tree, dict):
            raise PastedYamlError("The pasted text holds no settings; it should look like `rollout: {group_size: 8}`.")
        form = cls(tree)
        form._check()
        if form._config is not None:
            form.tree = form._config.model_dump(mode="json")
        return form

    @classmethod
    def from_saved(cls, tree: Mapping[str, Any], axes: Sequence[Axis], tags: Sequence[str] = ()) -> RunForm:
        """A sweep or a run as it is kept, to be edited; what an earlier release saved is checked with today's rules."""
        form = cls(tree, tags=", ".join(tags))
        form.axes, form.sweep_text = list(axes), "\n".join(as_line(axis) for axis in axes)
        form._check()
        return form

    @property
    def tags(self) -> list[str]:
        """The tags, each once, in the order they were written."""
        words = [word.strip() for word in self.tags_text.split(",")]
        return list(dict.fromkeys(word for word in words if word))

    @property
    def runs_count(self) -> int:
        """How many runs it would start."""
        return size(self.axes)

    def to_cells(self) -> list[Cell]:
        """The runs of a valid form that is a sweep."""
        if not self.is_valid():
            raise ValueError("this form has errors; show them instead of using it")
        return self._cells

    def is_valid(self) -> bool:
        """Whether the form makes a config; the messages are in `errors` if not."""
        if self._config is None and not self.errors:
            self._check()
        return not self.errors

    def to_config(self) -> RunConfig:
        """The config of a valid form."""
        if not self.is_valid() or self._config is None:
            raise ValueError("this form has errors; show them instead of using it")
        return self._config

    def values(self) -> dict[str, Any]:
        """What each field shows: the form's own value, else the default."""
        flat = flatten(self.tree)
        return {path: flat.get(path, field.default) for path, field in form_fields().items()} | self._typed

    def sections(self) -> tuple[FormSection, ...]:
        """The form's sections."""
        return form_sections()

    def _read(self, field: FormField, word: str | None) -> Any:
        """A field's value; of a list the first one, with which the rest is checked."""
        try:
            if word is not None and is_list(field, word):
                self._typed[field.path] = word
                axis = parse_list(field, word)
                self.axes.append(axis)
                return axis.values[0]
            return _parse(field, word)
        except ValueError as problem:
            self.errors[field.path] = str(problem)
            return word

    def _read_sweep(self) -> None:
        try:
            self.axes = combined([*self.axes, *parse_lines(self.sweep_text)])
        except GridError as problem:
            self.errors["sweep"] = str(problem)

    def _check(self) -> None:
        if len(self.tags) > MAX_TAGS:
            self.errors["tags"] = f"there are {len(self.tags)} tags; use {MAX_TAGS} or fewer"
        too_long = next((tag for tag in self.tags if len(tag) > MAX_TAG_LENGTH), None)
        if too_long:
            self.errors["tags"] = (
                f"the tag {too_long[:20]!r}… has {len(too_long)} letters; use {MAX_TAG_LENGTH} or fewer"
            )
        tree = first_tree(self.tree, self.axes) if self.axes and not self.errors else self.tree
        try:
            config = RunConfig.model_validate(tree)
        except ValidationError as error:
            for path, message in explain(error):
                self.errors.setdefault(path, message)
            return
        if not config.title.strip():
            self.errors["title"] = "a run needs a name, so that others know it in the list; write a few words"
        if self.axes and not self.errors:
            try:
                self._cells = cells(self.tree, self.axes)
            except GridError as problem:
                self.errors["sweep"] = str(problem)
        if not self.errors:
            self._config = config


def _counts(field: FormField, posted: Mapping[str, str]) -> bool:
    """Fields of a branch that is not chosen are not part of the config."""
    condition: Condition | None = field.condition
    return condition is None or posted.get(PREFIX + condition.path) in condition.values


def _parse(field: FormField, word: str | None) -> Any:
    """A posted word as a setting's value; what cannot be read stays a word, and the config's own check names it."""
    if field.kind == "switch":
        return word is not None
    if field.kind == "constant":
        return field.default
    text = (word or "").strip()
    if not text and field.optional:
        return None
    if field.kind in ("integer", "number") and not text:
        raise ValueError(f"is empty; give a number, such as {field.default}")
    if field.kind == "yaml":
        if not text:
            return []
        try:
            return read_yaml(text, field.path)
        except ConfigError as error:
            raise ValueError(str(error)) from error
    if field.kind in ("text", "long_text"):
        return word.replace("\r\n", "\n") if word is not None else field.default
    return _number(field, text)


def _number(field: FormField, text: str) -> Any:
    if field.kind == "choice":
        return text
    try:
        return int(text) if field.kind == "integer" else float(text)
    except ValueError:
        kind = "a whole number" if field.kind == "integer" else "a number"
        raise ValueError(f"{text!r} is not {kind}; write it in digits, such as {field.default}") from None

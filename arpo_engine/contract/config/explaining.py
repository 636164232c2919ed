"""Pydantic's refusals in a person's words: which setting, what its value is, and what to write instead.

Knows the tree of `RunConfig`; knows no files and no command lines.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from arpo_engine.contract.config.run import CONTRADICTIONS, RunConfig
from arpo_engine.contract.servers import without_keys

_NEAR_ENOUGH = 0.5
_MOST_SUGGESTED = 3
_SHOWN_CHARACTERS = 60

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text, in quotes where it looks like a number or a yes",
    "list_type": "a list",
    "tuple_type": "a list in brackets, such as [one, another]",
    "dict_type": "a mapping",
    "model_type": "a group of settings, each indented below the name, or leave it out for the defaults",
    "model_attributes_type": "a group of settings, each indented below the name, or leave it out for the defaults",
}
_BOUNDS = {
    "greater_than": ("too small", "use more than {gt:g}"),
    "greater_than_equal": ("too small", "use {ge:g} or more"),
    "less_than": ("too large", "use less than {lt:g}"),
    "less_than_equal": ("too large", "use {le:g} or less"),
    "string_too_long": ("too long", "use at most {max_length} characters"),
    "string_too_short": ("too short", "use {min_length} characters or more"),
}


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """Turn pydantic's errors into (dotted field, sentence) pairs; the field is empty for the config as a whole."""
    return [pair for item in error.errors() for pair in _pairs(item)]


def _pairs(item: ErrorDetails) -> Iterator[tuple[str, str]]:
    if item["type"] == CONTRADICTIONS:
        yield from item["ctx"]["found"]
        return
    names, holders = _walk(item["loc"])
    field = ".".join(names)
    if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
        yield f"{field}.kind", _wrong_kind(item)
    elif item["type"] == "extra_forbidden":
        yield field, _unknown(names, holders)
    else:
        yield field, _wrong_value(item)


def _wrong_value(item: ErrorDetails) -> str:
    kind, value, context = item["type"], _shown(item.get("input")), item.get("ctx", {})
    if kind in _BOUNDS:
        fact, cure = _BOUNDS[kind]
        return f"{value} is {fact}; {cure.format(**context)}"
    if kind in _WANTED:
        return f"{value} cannot be used here; write {_WANTED[kind]}"
    if kind == "literal_error":
        return f"{value} is none of the choices; use {context['expected']}"
    if kind == "missing":
        return "this setting is missing; give it a value"
    return f"{item['msg'].removeprefix('Value error, ')} (it is {value})"


def _wrong_kind(item: ErrorDetails) -> str:
    if item["type"] == "union_tag_not_found":
        choices = " or ".join(f"'{tag}'" for tag in _branches(_walk(item["loc"])[1], item["loc"]))
        return f"the kind is missing; say which one it is: {choices}"
    context = item["ctx"]
    return f"there is no kind '{context['tag']}'; use {' or '.join(context['expected_tags'].split(', '))}"


def _unknown(names: list[str], holders: list[type[BaseModel]]) -> str:
    """What to write instead of a key that is not there: its neighbour, its true place, or what there is."""
    *parents, name = names
    others = sorted(path for path in _all_fields() if path.rsplit(".", 1)[-1] == name and path != ".".join(names))
    if ".".join(names) in _all_fields():
        group, kind = ".".join(parents), _all_fields()[".".join(names)]
        return f"this kind of {parents[-1]} has no such setting; use {group}.kind = {kind}, or leave it out"
    known = sorted({key for model in holders for key in model.model_fields})
    near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR_ENOUGH)
    if others and name not in near:
        return f"there is no such setting here; did you mean {' or '.join(others[:_MOST_SUGGESTED])}?"
    if near:
        return f"there is no such setting; did you mean {near[0]}?"
    return f"there is no such setting; known here: {', '.join(known)}"


def _walk(location: tuple[int | str, ...]) -> tuple[list[str], list[type[BaseModel]]]:
    """The names in a location, without the tags of union branches, and the models that should have the last one."""
    names: list[str] = []
    holders: list[type[BaseModel]] = []
    here: list[type[BaseModel]] = [RunConfig]
    for part in location:
        tagged = [model for model in here if _tag(model) == part]
        if len(here) > 1 and tagged:
            here = tagged
            continue
        names.append(str(part))
        holders, here = here, [below for model in here for below in _models_below(model, str(part))]
    return names, holders


def _branches(holders: list[type[BaseModel]], location: tuple[int | str, ...]) -> list[str]:
    return [_tag(model) for holder in holders for model in _models_below(holder, str(location[-1]))]


def _models_below(model: type[BaseModel], name: str) -> list[type[BaseModel]]:
    field = model.model_fields.get(name)
    if field is None:
        return []
    members = [field.annotation, *get_args(field.annotation)]
    return [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]


def _tag(model: type[BaseModel]) -> str:
    kind = model.model_fields.get("kind")
    return str(kind.default) if kind is not None else ""


@cache
def _all_fields() -> dict[str, str]:
    """Every dotted setting that some config may have, with the kind of the group that holds it."""

    def below(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str]]:
        for name in model.model_fields:
            yield f"{prefix}{name}", _tag(model)
            for part in _models_below(model, name):
                yield from below(part, f"{prefix}{name}.")

    return dict(below(RunConfig, ""))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a group of settings"
    text = without_keys(json.dumps(value, default=str, ensure_ascii=False))
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}… ({len(str(value))} characters)"

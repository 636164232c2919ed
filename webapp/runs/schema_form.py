"""The new-run form as data, read from RunConfig's own JSON schema. Knows no HTML, no request and no run.

A setting that is added to the config appears in the form by itself: its docstring is the help, its name's ending is the
unit, its constraints are the hint. Only which settings are shown first is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from arpo_engine.contract.config import RunConfig
from webapp.runs.form_words import TITLES, UNITS, humanised, label_of, range_of

FieldKind = Literal["text", "long_text", "integer", "number", "switch", "choice", "constant", "yaml"]
Schema = dict[str, Any]

SHOWN_FIRST = frozenset(
    {
        "title", "kind", "seed", "model.path", "tasks.source", "tasks.train", "tasks.held_out", "desktops.count",
        "rollout.tasks_per_step", "rollout.group_size", "rollout.max_steps", "rollout.temperature",
        "algorithm.kind", "algorithm.replay.enabled", "algorithm.replay.capacity_per_task", "optimizer.lr",
        "validation.every_steps", "evaluation.split", "evaluation.attempts", "limits.steps", "limits.minutes",
    }
)  # fmt: skip
"""What most people change; everything else waits under *Advanced*."""
LONG_TEXTS = frozenset({"story"})
UNION_STORIES = {
    "agent": "How the model is asked, and which grammar its replies are in; choose what it was trained with.",
    "desktops": "Where the agents work: small desktops of our own widgets, or real applications on this machine.",
    "generator": "What samples replies: the learner's own process, vLLM beside it, or servers that hold a model.",
    "algorithm": "How rewards become gradients.",
}
"""What a section is for whose settings are a choice between parts; the parts describe themselves at the choice."""
ONLY_FOR_KIND = {
    "evaluation": ("evaluate",),
    "tryout": ("try",),
    "algorithm": ("train",),
    "reward": ("train",),
    "optimizer": ("train",),
    "learner": ("train",),
    "validation": ("train",),
    "guard": ("train",),
    "checkpoint": ("train",),
}
"""Sections that say nothing about the other kind of run; they keep their values and are not shown there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field that only counts while another one has one of these values."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormField:
    """One setting of the form."""

    path: str
    label: str
    kind: FieldKind
    help: str = ""
    unit: str = ""
    hint: str = ""
    """The allowed range in words."""
    default: Any = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    """May be empty, which means none."""
    condition: Condition | None = None

    @property
    def advanced(self) -> bool:
        """Whether the field waits under *Advanced*."""
        return self.path not in SHOWN_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSection:
    """The settings of one part of the config."""

    name: str
    title: str
    help: str
    fields: tuple[FormField, ...]
    condition: Condition | None = None

    @property
    def folded(self) -> bool:
        """Whether all of it waits under *Advanced*."""
        return all(field.advanced for field in self.fields)

    @property
    def has_advanced(self) -> bool:
        """Whether something waits under *Advanced*."""
        return any(field.advanced for field in self.fields)


@cache
def form_sections() -> tuple[FormSection, ...]:
    """All sections in the order of the config, the run's own fields first."""
    schema = RunConfig.model_json_schema()
    scalars: list[FormField] = []
    sections: list[FormSection] = []
    for name, node in schema["properties"].items():
        target = _resolve(schema, node)
        if not _is_group(target):
            scalars.append(_field(schema, name, node))
            continue
        fields = tuple(_fields(schema, name, node))
        kinds = ONLY_FOR_KIND.get(name)
        sections.append(
            FormSection(
                name=name,
                title=TITLES.get(name, humanised(name)),
                help=UNION_STORIES.get(name) or _section_help(schema, node),
                fields=fields,
                condition=Condition(path="kind", values=kinds) if kinds else None,
            )
        )
    scalars.sort(key=lambda field: field.path != "title")
    own = FormSection(name="run", title=TITLES[""], help="", fields=tuple(scalars))
    # What most people change comes first; the sections of which they change nothing follow, folded.
    return (own, *sorted(sections, key=lambda section: section.folded))


@cache
def form_fields() -> dict[str, FormField]:
    """Every field by its dotted path."""
    return {field.path: field for section in form_sections() for field in section.fields}


def _fields(schema: Schema, path: str, node: Schema) -> Iterator[FormField]:
    target = _resolve(schema, node)
    if "oneOf" in target:
        yield from _union_fields(schema, path, target)
    elif "properties" in target:
        for name, child in target["properties"].items():
            yield from _fields(schema, f"{path}.{name}", child)
    else:
        yield _field(schema, path, node)


def _union_fields(schema: Schema, path: str, union: Schema) -> Iterator[FormField]:
    """A choice between parts: one switch, and each branch's fields once, shown for the branches that have them."""
    tag = union["discriminator"]["propertyName"]
    switch = f"{path}.{tag}"
    branches = {name: schema["$defs"][ref.rsplit("/", 1)[1]] for name, ref in union["discriminator"]["mapping"].items()}
    stories = [f"{name}: {branch.get('description', '')}" for name, branch in branches.items()]
    default = (union.get("default") or {}).get(tag, next(iter(branches)))
    yield FormField(
        path=switch,
        label=label_of(switch),
        kind="choice",
        help=" ".join(stories),
        default=default,
        choices=tuple(branches),
    )
    seen: dict[str, tuple[FormField, list[str]]] = {}
    for name, branch in branches.items():
        for key, child in branch["properties"].items():
            if key == tag:
                continue
            for field in _fields(schema, f"{path}.{key}", child):
                seen.setdefault(field.path, (field, []))[1].append(name)
    for field, names in seen.values():
        if len(names) == len(branches):
            yield field
        else:
            yield replace(field, condition=Condition(path=switch, values=tuple(names)))


def _field(schema: Schema, path: str, node: Schema) -> FormField:
    target, optional = _without_null(_resolve(schema, node))
    leaf = path.rsplit(".", 1)[-1]
    unit = next((word for ending, word in UNITS.items() if leaf.endswith(ending)), "")
    return FormField(
        path=path,
        label=label_of(path),
        kind=_kind(path, target),
        help=" ".join(str(node.get("description", "")).split()),
        unit=unit,
        hint=range_of(target),
        default=node.get("default", target.get("const")),
        choices=tuple(str(choice) for choice in target.get("enum", ())),
        optional=optional,
    )


def _kind(path: str, target: Schema) -> FieldKind:
    if "const" in target:
        return "constant"
    if "enum" in target:
        return "choice"
    if path in LONG_TEXTS:
        return "long_text"
    kinds: dict[str, FieldKind] = {"string": "text", "integer": "integer", "number": "number", "boolean": "switch"}
    return kinds.get(str(target.get("type")), "yaml")


def _without_null(target: Schema) -> tuple[Schema, bool]:
    options = target.get("anyOf", [])
    kept = [option for option in options if option.get("type") != "null"]
    if len(kept) == 1 and len(options) == 2:
        return {**target, **kept[0]}, True
    return target, False


def _resolve(schema: Schema, node: Schema) -> Schema:
    if "$ref" in node:
        target: Schema = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        return target
    return node


def _is_group(target: Schema) -> bool:
    return "properties" in target or "oneOf" in target


def _section_help(schema: Schema, node: Schema) -> str:
    text = _resolve(schema, node).get("description", "")
    return " ".join(str(text).split())

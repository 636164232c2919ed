"""A view of the list as the address has it: query, columns, order, group. One state, whether typed, clicked or saved.

Knows names; whether a run has such a setting or metric is found out when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self
from urllib.parse import urlencode

from django.http import QueryDict

from webapp.runs.history.fields import DEFAULT_COLUMNS, FIELDS, GROUPABLE, Field, Setting, Subject, subject_of
from webapp.runs.history.language import quoted

MAX_COLUMNS: Final = 24
MAX_SORTS: Final = 4
MAX_NAME: Final = 200
DEFAULT_SORT: Final = ("-created",)
OLDER_WORDS: Final = ("status", "owner", "preset", "tag")
"""Parameters that addresses had before there was a query; they become its terms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """Everything about a view that a colleague who is sent its address sees as well."""

    q: str = ""
    columns: tuple[str, ...] = DEFAULT_COLUMNS
    sort: tuple[str, ...] = DEFAULT_SORT
    """Names of what to order by, the first first; a leading "-" means the largest first."""
    group: str = ""

    @classmethod
    def of(cls, words: QueryDict) -> Self:
        """The state that an address has; what cannot be a name is left out."""
        columns = names_in(",".join(words.getlist("col") or [words.get("cols", "")]).split(","))
        sort = names_in(words.get("sort", "").split(","), signed=True)
        group = words.get("group", "").strip()[:MAX_NAME]
        return cls(
            q=with_older_words(words),
            columns=columns_of(columns),
            sort=tuple(name for name in sort if is_sortable(name.removeprefix("-")))[:MAX_SORTS] or DEFAULT_SORT,
            group=group if group and "\x00" not in group and is_groupable(subject_of(group)) else "",
        )

    def address(self, **changes: object) -> str:
        """The state as parameters of an address, "?" in front; what is as usual is left out."""
        state = replace(self, **changes)  # type: ignore[arg-type]
        return f"?{state.parameters()}" if state.parameters() else "?q="

    def parameters(self) -> str:
        """The state as a saved view keeps it; empty for the usual one."""
        usual = ViewState()
        parts = {
            "q": self.q,
            "cols": ",".join(self.columns) if self.columns != usual.columns else "",
            "sort": ",".join(self.sort) if self.sort != usual.sort else "",
            "group": self.group,
        }
        return urlencode({name: value for name, value in parts.items() if value}, safe=",/:")

    def ordered_by(self, name: str) -> tuple[int, bool] | None:
        """Place (from 1) of a column among those that order the list and whether the largest is first, or None."""
        for place, word in enumerate(self.sort, start=1):
            if word.removeprefix("-") == name:
                return place, word.startswith("-")
        return None

    def sort_by(self, name: str, *, also: bool = False) -> tuple[str, ...]:
        """The order after a press on a column's head: by it alone, or (`also`) by it after the others."""
        found = self.ordered_by(name)
        word = name if found and found[1] else f"-{name}"
        if not also:
            return (word,)
        if found:
            return tuple(word if one.removeprefix("-") == name else one for one in self.sort)
        return (*self.sort, word)[-MAX_SORTS:] if len(self.sort) >= MAX_SORTS else (*self.sort, word)


def with_older_words(words: QueryDict) -> str:
    """The query, with what older addresses said in parameters of their own as terms behind it."""
    parts = [words.get("q", "").strip()]
    parts += [f"{name}:{quoted(word)}" for name in OLDER_WORDS if (word := words.get(name, ""))]
    if words.get("archived") == "1":
        parts.append("is:archived")
    return " ".join(part for part in parts if part)


def names_in(words: Iterable[str], *, signed: bool = False) -> tuple[str, ...]:
    """Names without blanks and repeats; a sign in front is no part of the name."""
    found: dict[str, str] = {}
    for word in words:
        name = word.strip()[:MAX_NAME]
        bare = name.removeprefix("-") if signed else name
        if bare and "\x00" not in bare:
            found.setdefault(bare, name)
    return tuple(found.values())


def columns_of(names: Iterable[str]) -> tuple[str, ...]:
    """The columns to show: the name of the run always comes first, since it is the link to it."""
    shown = [name for name in names if name != "name" and is_column(subject_of(name))]
    return ("name", *shown)[:MAX_COLUMNS] if shown else DEFAULT_COLUMNS


def is_column(subject: Subject) -> bool:
    """Whether it can be shown."""
    return not isinstance(subject, Field) or subject.shown


def is_sortable(name: str) -> bool:
    """Whether the list can be ordered by it; tags are many and the curve is a picture."""
    field = FIELDS.get(name)
    return field is None or (field.shown and field.name not in ("tag", "curve"))


def is_groupable(subject: Subject) -> bool:
    """Whether runs can be put together by it."""
    return isinstance(subject, Setting) or (isinstance(subject, Field) and subject.name in GROUPABLE)

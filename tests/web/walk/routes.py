"""Every address of the console, found in Django's own table of routes, and how to make one out of a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.forms import BaseForm
from django.urls import URLPattern, URLResolver, get_resolver

WEBAPP = Path(__file__).resolve().parents[3] / "webapp"
PLACE = re.compile(r"<(?:(?P<kind>\w+):)?(?P<name>\w+)>")
READS = re.compile(r"(?:GET|POST|words|form)(?:\.get|\.getlist)?[\(\[]\s*\"(?P<name>[\w.-]+)\"")


@dataclass(frozen=True, slots=True)
class Route:
    """One address with places to fill in."""

    name: str
    """Namespace and name; the pattern itself for one that has no name."""
    pattern: str

    @property
    def places(self) -> dict[str, str]:
        """Each place's name and kind."""
        return {found["name"]: found["kind"] or "str" for found in PLACE.finditer(self.pattern)}

    def path(self, value: Callable[[str, str], Any]) -> str:
        """The address with every place filled in by its name and kind."""
        filled = PLACE.sub(lambda found: str(value(found["name"], found["kind"] or "str")), self.pattern)
        return f"/{filled}"


def all_routes() -> list[Route]:
    """Every route, Django's admin among them but for its catch-all."""
    return [route for route in _walk(get_resolver(), "", "") if "^" not in route.pattern and "(?P" not in route.pattern]


def _walk(above: URLResolver, pattern: str, space: str) -> Iterator[Route]:
    for entry in above.url_patterns:
        here = pattern + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(entry, here, f"{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern):
            yield Route(f"{space}{entry.name or here}", here)


@cache
def words_that_are_read() -> tuple[str, ...]:
    """Names of the query words and form fields that some view reads, found in the code: a new one is tried at once."""
    all_routes()  # every view and with it every form is loaded
    found = {match["name"] for file in WEBAPP.rglob("*.py") for match in READS.finditer(file.read_text("utf-8"))}
    fields = {name for form in _forms(BaseForm) for name in getattr(form, "base_fields", ())}
    return tuple(sorted(found | fields))


def _forms(above: type[BaseForm]) -> Iterator[type[BaseForm]]:
    for form in above.__subclasses__():
        if form.__module__.startswith("webapp."):
            yield form
        yield from _forms(form)

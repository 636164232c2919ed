"""What can be written next where the caret is in a query: fields, settings, metrics, and values that occur.

Settings, metrics and values are those of the newest runs that the person may see; nothing of another team's is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.db.models import QuerySet

from webapp.runs.history.fields import FIELDS, METRIC, Field, Kind, Measure, Setting, subject_of
from webapp.runs.history.language import OPERATORS, quoted
from webapp.runs.history.models import RunSetting
from webapp.runs.history.pages import RECENT_RUNS, metric_keys, setting_paths
from webapp.runs.models import Run

MOST_OFFERED: Final = 20
_EXAMPLES: Final = {
    Kind.TIME: (("7d", "seven days ago"), ("24h", "a day ago"), ("today", "today, in UTC"), ("2026-01-31", "that day")),
    Kind.SPAN: (("30m", "half an hour"), ("2h", "two hours"), ("1d", "a day")),
    Kind.SHARE: (("50%", "half"), ("0.9", "nine of ten")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One thing to choose: what is put into the query, and what it means."""

    text: str
    detail: str
    done: bool
    """Whether the term is whole with it; after a field's name a value is still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is offered for the word between `start` and `end`."""

    start: int
    end: int
    offers: tuple[Offer, ...]


def complete(runs: QuerySet[Run], text: str, caret: int) -> Completion:
    """What can stand at the caret; anything is offered something, or nothing, and never refused."""
    caret = max(0, min(caret, len(text)))
    start = _start_of_word(text, caret)
    end = caret
    while end < len(text) and not text[end].isspace():
        end += 1
    word = text[start:caret].removeprefix("-")
    start += text.startswith("-", start) and start < caret
    name, operator, value = _split(word)
    if not operator:
        return Completion(start=start, end=end, offers=tuple(_names(runs, word.strip('"')))[:MOST_OFFERED])
    behind_comma = value.rpartition(",")
    begun = behind_comma[2].strip('"')
    value_start = start + len(name) + len(operator) + len(behind_comma[0]) + len(behind_comma[1])
    offers = tuple(_values(runs, name.strip('"'), begun))[:MOST_OFFERED]
    return Completion(start=value_start, end=end, offers=offers)


def _start_of_word(text: str, caret: int) -> int:
    """Where the term at the caret begins; blanks inside quotes are part of it."""
    start, inside = 0, False
    for place, letter in enumerate(text[:caret]):
        if letter == '"':
            inside = not inside
        elif letter.isspace() and not inside:
            start = place + 1
    return start


def _split(word: str) -> tuple[str, str, str]:
    """A term's name, operator and what stands behind it."""
    places = [(word.find(operator), operator) for operator in OPERATORS if operator in word]
    if not places:
        return word, "", ""
    place, operator = min(places, key=lambda found: (found[0], -len(found[1])))
    return word[:place], operator, word[place + len(operator) :]


def _names(runs: QuerySet[Run], begun: str) -> list[Offer]:
    low = begun.lower()
    offers = [
        Offer(text=f"{field.name}:", detail=field.help, done=False)
        for field in FIELDS.values()
        if field.asked and low in field.name
    ]
    offers.sort(key=lambda offer: not offer.text.startswith(low))
    if not low:
        return [*offers, Offer(text=METRIC, detail="the latest value of a metric", done=False)]
    part = begun.removeprefix(METRIC)
    metrics = [
        Offer(text=f"{_as_field(Measure(key).name)}>", detail="latest value of this metric", done=False)
        for key in metric_keys(runs, part)[:MOST_OFFERED]
    ]
    if begun.startswith(METRIC):
        return metrics
    paths = sorted(setting_paths(runs, begun), key=lambda path: not path.lower().startswith(low))
    settings = [
        Offer(text=f"{_as_field(Setting(path).name)}:", detail="setting of the config", done=False)
        for path in paths[:MOST_OFFERED]
    ]
    return [*offers, *settings, *metrics]


def _as_field(name: str) -> str:
    return quoted(name)


def _values(runs: QuerySet[Run], name: str, begun: str) -> list[Offer]:
    subject = subject_of(name)
    if isinstance(subject, Measure):
        return []
    if isinstance(subject, Setting):
        return _found(_values_of_setting(runs, subject, begun), "a value that runs have")
    if subject.values:
        return _found([value for value in subject.values if value.startswith(begun.lower())], subject.help)
    examples = [Offer(text=text, detail=detail, done=True) for text, detail in _EXAMPLES.get(subject.kind, ())]
    if examples:
        return [offer for offer in examples if offer.text.startswith(begun)]
    return _found(values_in_use(runs, subject, begun), subject.help)


def values_in_use(runs: QuerySet[Run], field: Field, begun: str = "") -> list[str]:
    """What owners, presets, tags or parents the runs have."""
    low = begun.lower()
    if field.name == "tag":
        tags = runs.exclude(tags=[]).order_by("-created_at").values_list("tags", flat=True)[:RECENT_RUNS]
        return sorted({tag for row in tags for tag in row if low in tag.lower()})
    if field.name not in ("owner", "preset", "parent"):
        return []
    found = runs.filter(**{f"{field.path}__icontains": begun, f"{field.path}__isnull": False}).order_by()
    words = found.values_list(field.path, flat=True).distinct()[:MOST_OFFERED]
    return [
        *(["me"] if field.name == "owner" and "me".startswith(low) else []),
        *sorted(word for word in words if word),
    ]


def _values_of_setting(runs: QuerySet[Run], setting: Setting, begun: str) -> list[str]:
    ids: Any = list(runs.order_by("-created_at").values_list("pk", flat=True)[:RECENT_RUNS])
    rows = RunSetting.objects.filter(run_id__in=ids, key__path=setting.path, text__icontains=begun)
    return list(rows.order_by("text").values_list("text", flat=True).distinct()[:MOST_OFFERED])


def _found(words: list[str], detail: str) -> list[Offer]:
    return [Offer(text=quoted(word), detail=detail, done=True) for word in words]

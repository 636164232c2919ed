"""A config's leaves as rows, so that the list of runs is filtered and ordered by any of them from an index."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from django.db import transaction

from webapp.bulk import clean_text, copy_rows
from webapp.runs.config_tree import WORDS_ABOUT, flatten
from webapp.runs.history.models import MAX_SETTING_TEXT, ConfigKey, RunSetting
from webapp.runs.models import Run


@transaction.atomic
def index_settings(runs: Iterable[Run]) -> None:
    """Write the rows of these runs' settings; those that were there are replaced. Whoever saves a config calls this."""
    flat = {run.pk: flatten(run.config) for run in runs}
    RunSetting.objects.filter(run_id__in=flat).delete()
    ids = _ids_of({path for settings in flat.values() for path in settings if path not in WORDS_ABOUT})
    rows = (
        (pk, ids[path], *as_row(value))
        for pk, settings in flat.items()
        for path, value in settings.items()
        if path in ids
    )
    copy_rows(RunSetting, ("run_id", "key_id", "number", "text"), rows)


def as_row(value: Any) -> tuple[float | None, str]:
    """A setting as number (None for what is none) and as words; `on` and `off` count as 1 and 0."""
    if isinstance(value, bool):
        return float(value), "true" if value else "false"
    if isinstance(value, int | float):
        number = float(value) if abs(value) < 1e300 else math.nan
        return (number if math.isfinite(number) else None), f"{value}"[:MAX_SETTING_TEXT]
    if value is None:
        return None, "none"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return None, clean_text(text)[:MAX_SETTING_TEXT]


def _ids_of(paths: set[str]) -> dict[str, int]:
    """Ids of the keys, made where there are none; a key too long for a name is left out of the index."""
    wanted = {path for path in paths if len(path) <= 300 and "\x00" not in path}
    known = dict(ConfigKey.objects.filter(path__in=wanted).values_list("path", "id"))
    missing = wanted - known.keys()
    if missing:
        ConfigKey.objects.bulk_create([ConfigKey(path=path) for path in sorted(missing)], ignore_conflicts=True)
        known |= dict(ConfigKey.objects.filter(path__in=missing).values_list("path", "id"))
    return known

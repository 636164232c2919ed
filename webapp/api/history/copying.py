"""A run with everything that hangs off it, copied inside the database: for histories too large to be ingested.

Which tables those are is read from the models, so that a new one is copied too. Knows rows; what they mean it does not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction

from webapp.runs.models import Run, RunAttempt

ForeignKey = models.ForeignKey[Any, Any]


@transaction.atomic
def copy_run(source: Run, copy: Run, later: timedelta) -> None:
    """Give `copy`, whose row is there, all rows of `source`, as of `later` (negative: earlier), and its screenshots."""
    own = models_of_a_run()
    with connection.cursor() as cursor:
        for model in own:
            if _is_numbered(model):
                cursor.execute(
                    f"CREATE TEMP TABLE {_map(model)} ON COMMIT DROP AS"
                    f" SELECT t.id AS old, nextval(pg_get_serial_sequence('{_table(model)}', 'id')) AS new"
                    f" FROM {_table(model)} AS t {_join_to_owner(model, own)}",
                    {"source": source.pk},
                )
        for model in own:
            cursor.execute(
                _insert(model, own), {"source": source.pk, "copy": copy.pk, "later": str(later.total_seconds())}
            )
        for model in own:
            if _is_numbered(model):
                cursor.execute(f"DROP TABLE {_map(model)}")
    best = copy.checkpoints.filter(best=True).first()
    Run.objects.filter(pk=copy.pk).update(best_checkpoint=best)
    _link_frames(source, copy)


def models_of_a_run() -> list[type[models.Model]]:
    """Everything that is deleted with a run, those first that others refer to."""
    root: type[models.Model] = Run
    found: list[type[models.Model]] = []
    waiting = [root]
    while waiting:
        above = waiting.pop(0)
        for relation in above._meta.related_objects:
            below = relation.related_model
            owned = getattr(relation, "on_delete", None) is models.CASCADE
            if owned and isinstance(below, type) and below not in (root, *found):
                found.append(below)
                waiting.append(below)
    return sorted(found, key=lambda model: (_depth(model, root), _table(model)))


def _depth(model: type[models.Model], root: type[models.Model]) -> int:
    if model is root:
        return 0
    owners = [key.related_model for key in _keys(model) if _owns(key) and key.related_model is not model]
    reached = [_depth(owner, root) for owner in owners if isinstance(owner, type) and _leads_to(owner, root)]
    return 1 + max(reached, default=0)


def _leads_to(model: type[models.Model], root: type[models.Model]) -> bool:
    if model is root:
        return True
    owners = [key.related_model for key in _keys(model) if _owns(key)]
    return any(isinstance(owner, type) and owner is not model and _leads_to(owner, root) for owner in owners)


def _keys(model: type[models.Model]) -> Iterator[ForeignKey]:
    return (field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey))


def _owns(key: ForeignKey) -> bool:
    return key.remote_field.on_delete is models.CASCADE


def _is_numbered(model: type[models.Model]) -> bool:
    return isinstance(model._meta.pk, models.AutoField)


def _table(model: type[models.Model]) -> str:
    return model._meta.db_table


def _map(model: type[models.Model]) -> str:
    return f"copied_{_table(model)}"


def _is_the_runs_id(key: ForeignKey) -> bool:
    """Whether a key holds a run's id: it leads to the run, or to a row that the run gives its name to."""
    above = key.related_model
    if above is Run:
        return True
    assert isinstance(above, type), "models are loaded"
    return isinstance(above._meta.pk, models.OneToOneField) and above._meta.pk.related_model is Run


def _join_to_owner(model: type[models.Model], own: Iterable[type[models.Model]]) -> str:
    """The source run's rows of a table: by their own run, or by an owner whose rows are chosen already."""
    for key in _keys(model):
        if _is_the_runs_id(key) and _owns(key):
            return f"WHERE t.{key.column} = %(source)s"
    owner = next(key for key in _keys(model) if _owns(key) and key.related_model in own)
    return f"JOIN {_map(owner.related_model)} AS owner ON owner.old = t.{owner.column}"


def _insert(model: type[models.Model], own: list[type[models.Model]]) -> str:
    columns: list[str] = []
    values: list[str] = []
    joins = [f"JOIN {_map(model)} AS self ON self.old = t.id" if _is_numbered(model) else ""]
    for field in model._meta.concrete_fields:
        columns.append(f'"{field.column}"')
        values.append(_value(model, field, own, joins))
    rows = " ".join(joins)
    narrowed = "" if _is_numbered(model) else _join_to_owner(model, own)
    return (
        f"INSERT INTO {_table(model)} ({', '.join(columns)}) SELECT {', '.join(values)}"
        f" FROM {_table(model)} AS t {rows} {narrowed}"
    )


def _value(model: type[models.Model], field: Any, own: list[type[models.Model]], joins: list[str]) -> str:
    column = f't."{field.column}"'
    if field.primary_key and _is_numbered(model):
        return "self.new"
    if isinstance(field, models.ForeignKey) and _is_the_runs_id(field):
        return f"CASE WHEN {column} = %(source)s THEN %(copy)s ELSE {column} END"
    if isinstance(field, models.ForeignKey) and field.related_model in own:
        name = f"of_{field.column}"
        joins.append(f"LEFT JOIN {_map(field.related_model)} AS {name} ON {name}.old = {column}")
        return f"{name}.new"
    if isinstance(field, models.DateTimeField):
        return f"{column} + %(later)s::float8 * interval '1 second'"
    if model is RunAttempt and field.name == "token_hash":
        # Nobody knows a secret of this hash: nothing will ever speak for a copied attempt.
        return f"encode(sha256((%(copy)s || {column})::bytea), 'hex')"
    return column


def _link_frames(source: Run, copy: Run) -> None:
    """The same files under the copy's name, without taking their room again."""
    frames = Path(settings.MEDIA_ROOT) / "frames"
    for file in (frames / source.pk).rglob("*"):
        if file.is_file():
            link = frames / copy.pk / file.relative_to(frames / source.pk)
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, link)

"""Rows into Postgres by COPY: an order of magnitude less work than an INSERT for each. Knows tables, no meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

import orjson
import psycopg
from django.db import connection, models
from psycopg import sql


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into the model's table; a dict or list is written as JSON. Constraints hold as for any insert."""
    copy_into(model._meta.db_table, columns, rows)


def copy_into(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a table by name."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        # The driver's own cursor raises the driver's errors; callers know Django's.
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([as_json(cell) if isinstance(cell, dict | list) else cell for cell in row])


def copy_binary(table: str, columns: Sequence[str], types: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows of plain numbers and times into a table in the binary form, which costs half as much on either side."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as wrapper:
        cursor = cast("psycopg.Cursor[Any]", wrapper.cursor)
        with connection.wrap_database_errors, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


def as_json(value: Any) -> str:
    """JSON that Postgres takes: a NUL character, which JSONB refuses, becomes the replacement character."""
    text = orjson.dumps(value).decode()
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def clean_text(text: str) -> str:
    """Text that Postgres takes: it stores any character but NUL, which a model may well produce."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text


def copy_upsert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    unique: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """COPY rows; where one with the same `unique` columns is there, set its `update` columns, or leave it as it is.

    Of rows that agree in `unique` the last one counts.
    """
    if not rows:
        return
    staging = _stage(model, columns, rows)
    every = [f'"{column}"' for column in columns]
    once = ", ".join(f'"{column}"' for column in unique)
    action = (
        "DO UPDATE SET " + ", ".join(f'"{name}" = excluded."{name}"' for name in update) if update else "DO NOTHING"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{model._meta.db_table}" ({", ".join(every)})'
            f' SELECT DISTINCT ON ({once}) {", ".join(every)} FROM "{staging}" ORDER BY {once}, staging_place DESC'
            f" ON CONFLICT ({once}) {action}"
        )


def copy_update(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]], *, key: Sequence[str]
) -> None:
    """Set many rows at once; the `key` columns find each row, and of rows with one key the last counts."""
    if not rows:
        return
    staging = _stage(model, columns, rows)
    once = ", ".join(f'"{column}"' for column in key)
    settings = ", ".join(f'"{column}" = new."{column}"' for column in columns if column not in key)
    match = " AND ".join(f'old."{column}" = new."{column}"' for column in key)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{model._meta.db_table}" AS old SET {settings}'
            f' FROM (SELECT DISTINCT ON ({once}) * FROM "{staging}" ORDER BY {once}, staging_place DESC) AS new'
            f" WHERE {match}"
        )


def _stage(model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A temporary table with the rows in it, in their order; emptied at the end of the transaction.

    Every name comes from a model's own definition, never from outside.
    """
    table = model._meta.db_table
    staging = f"staging_{len(columns)}_{table}"
    listed = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'CREATE TEMPORARY TABLE IF NOT EXISTS "{staging}" ON COMMIT DELETE ROWS AS'
            f' SELECT 0::integer AS staging_place, {listed} FROM "{table}" WITH NO DATA'
        )
        cursor.execute(f'DELETE FROM "{staging}"')
    copy_into(staging, ("staging_place", *columns), ((place, *row) for place, row in enumerate(rows)))
    return staging

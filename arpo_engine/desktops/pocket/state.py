"""What the pocket desktop's applications hold, as plain data: how a task begins, and what is saved since. No Qt."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from arpo_engine.contract.errors import SetupFailed
from arpo_engine.desktops.pocket.layouts import PAGES, VARIANTS
from arpo_engine.desktops.pocket.vocabulary import HELD_OUT, HOME, LEVELS, TRAIN

OPTIONS_SHOWN = FILES_SHOWN = PEOPLE_SHOWN = COLORS_SHOWN = 4
ROWS_SHOWN = COLUMNS_SHOWN = 3


class InitialState(BaseModel):
    """The parameters of the `pocket_state` setup step: all that decides what is seen when a task begins."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    seed: int
    """The number that it was drawn from; kept to name it, nothing is drawn from it again."""
    layouts: dict[str, int]
    """Page to the number of its arrangement."""
    options: dict[str, bool] = Field(min_length=OPTIONS_SHOWN, max_length=OPTIONS_SHOWN)
    level: int = Field(ge=1, le=len(LEVELS))
    colors: tuple[str, ...] = Field(min_length=COLORS_SHOWN, max_length=COLORS_SHOWN)
    color: str
    note: str = ""
    files: tuple[str, ...] = Field(min_length=FILES_SHOWN, max_length=FILES_SHOWN)
    people: tuple[str, ...] = Field(min_length=PEOPLE_SHOWN, max_length=PEOPLE_SHOWN)
    columns: tuple[str, ...] = Field(min_length=COLUMNS_SHOWN, max_length=COLUMNS_SHOWN)
    table: dict[str, tuple[str, ...]] = Field(min_length=1, max_length=ROWS_SHOWN)
    """Row to its values, one for each column."""

    @model_validator(mode="after")
    def _fits(self) -> InitialState:
        if set(self.layouts) != set(PAGES) or not all(0 <= n < VARIANTS for n in self.layouts.values()):
            raise ValueError(f"layouts needs a number 0..{VARIANTS - 1} for each of {', '.join(PAGES)}")
        if self.color not in self.colors:
            raise ValueError(f"color {self.color!r} is not among colors; add it there")
        for row, values in self.table.items():
            if len(values) != len(self.columns):
                raise ValueError(f"table row {row!r} has {len(values)} values for {len(self.columns)} columns")
        return self


def read_state(parameters: dict[str, Any]) -> InitialState:
    """Check the parameters of a `pocket_state` step.

    Raises:
        SetupFailed: naming each wrong field.
    """
    try:
        return InitialState.model_validate(parameters)
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, item['loc'])) or 'state'}: {item['msg']}" for item in error.errors()]
        raise SetupFailed(f"pocket_state cannot be set up: {'; '.join(lines)}; mend the task's config") from error


def draw_state(seed: int) -> InitialState:
    """A desktop as chance wants it: words of both pools in every list, so that neither pool gives itself away."""
    rng = random.Random(seed)

    def mixed(train: Sequence[str], held_out: Sequence[str], count: int) -> list[str]:
        from_train = count // 2 if count % 2 == 0 else rng.choice((count // 2, count // 2 + 1))
        words = [*rng.sample(train, from_train), *rng.sample(held_out, count - from_train)]
        rng.shuffle(words)
        return words

    options = mixed(TRAIN.options, HELD_OUT.options, OPTIONS_SHOWN)
    ticked = {rng.choice([word for word in options if word in pool.options]) for pool in (TRAIN, HELD_OUT)}
    colors = mixed(TRAIN.colors, HELD_OUT.colors, COLORS_SHOWN)
    rows = mixed(TRAIN.rows, HELD_OUT.rows, ROWS_SHOWN)
    columns = mixed(TRAIN.columns, HELD_OUT.columns, COLUMNS_SHOWN)
    values = (*TRAIN.values, *HELD_OUT.values)
    return InitialState(
        seed=seed,
        layouts={page: rng.randrange(VARIANTS) for page in PAGES},
        options={word: word in ticked for word in options},
        level=rng.randint(1, len(LEVELS)),
        colors=tuple(colors),
        color=rng.choice(colors),
        files=tuple(mixed(TRAIN.files, HELD_OUT.files, FILES_SHOWN)),
        people=tuple(mixed(TRAIN.people, HELD_OUT.people, PEOPLE_SHOWN)),
        columns=tuple(columns),
        table={row: tuple(rng.choice(values) for _ in columns) for row in rows},
    )


@dataclass(slots=True, kw_only=True)
class Saved:
    """What the applications have stored. Only this is scored; what stands in a form unsaved is not here."""

    options: dict[str, bool]
    level: int
    color: str
    note: str
    files: list[str]
    columns: list[str]
    table: dict[str, list[str]]
    opened_file: str | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)
    app: str = HOME
    """The application on the screen; moving about is nobody's side effect, so it is no part of `changes`."""

    @classmethod
    def begin(cls, state: InitialState) -> Saved:
        """The stored state as the task begins."""
        return cls(
            options=dict(state.options), level=state.level, color=state.color, note=state.note,
            files=list(state.files), columns=list(state.columns),
            table={row: list(values) for row, values in state.table.items()},
        )  # fmt: skip

    def flat(self) -> dict[str, Any]:
        """Every stored value by its path, such as `options.WiFi` or `table.Rome.Jan`."""
        values: dict[str, Any] = {f"options.{word}": on for word, on in self.options.items()}
        values |= {"level": self.level, "color": self.color, "note": self.note, "files": list(self.files)}
        values |= {"opened_file": self.opened_file, "sent": [dict(mail) for mail in self.sent], "app": self.app}
        values["table.rows"] = list(self.table)
        for row, cells in self.table.items():
            values |= {f"table.{row}.{column}": cell for column, cell in zip(self.columns, cells, strict=True)}
        return values

"""What a run can be asked for, shown and ordered by: its own fields by name, any setting, any metric.

The same names stand in queries, in the heads of columns and in addresses. Knows which column of the row each is; knows
no request and reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webapp.runs.models import RunKind, RunStatus

METRIC: Final = "metric."
CONFIG: Final = "config."


class Kind(StrEnum):
    """How a field's values are written and compared."""

    TEXT = "text"
    """Contained, whatever the case; `=` wants the whole."""
    WORD = "word"
    """One of some words."""
    NUMBER = "number"
    SHARE = "share"
    """A part of one: 0.5 or 50%."""
    TIME = "time"
    """A day, a moment, or how long ago: 2026-11-01, 12h, 7d."""
    SPAN = "span"
    """How long something took: 90s, 15m, 2h."""


NUMERIC: Final = frozenset({Kind.NUMBER, Kind.SHARE, Kind.TIME, Kind.SPAN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Something that every run has."""

    name: str
    heading: str
    kind: Kind
    help: str
    path: str = ""
    """The column of the row; empty where it is worked out."""
    values: tuple[str, ...] = ()
    """Words that it can be, where these are fixed."""
    shown: bool = True
    """Whether it can be a column."""
    asked: bool = True
    """Whether it can stand in a query."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of the config."""

    path: str

    @property
    def name(self) -> str:
        """As queries and addresses have it; a key that is also a field's name has `config.` before it."""
        return f"{CONFIG}{self.path}" if self.path in FIELDS else self.path

    @property
    def heading(self) -> str:
        """The head of its column."""
        return self.path


@dataclass(frozen=True, slots=True)
class Measure:
    """The latest value of a metric."""

    key: str

    @property
    def name(self) -> str:
        """As queries and addresses have it."""
        return f"{METRIC}{self.key}"

    @property
    def heading(self) -> str:
        """The head of its column."""
        return self.key


Subject = Field | Setting | Measure

IS: Final = ("active", "ended", "starred", "mine", "archived", "example")
HAS: Final = ("note", "tags", "checkpoint", "parent", "children", "faults")
STATUS_WORDS: Final = (*RunStatus.values, "active", "ended")

_LIST: Final = (
    Field(name="name", heading="Name", kind=Kind.TEXT, path="name", help="words of the name"),
    Field(name="status", heading="Status", kind=Kind.WORD, path="status", values=STATUS_WORDS,
          help="where it is in its life"),
    Field(name="owner", heading="Owner", kind=Kind.WORD, path="owner__username", help="who started it; me is you"),
    Field(name="tag", heading="Tags", kind=Kind.WORD, help="one of its tags"),
    Field(name="preset", heading="Preset", kind=Kind.WORD, path="preset", help="the preset it was made from"),
    Field(name="kind", heading="Kind", kind=Kind.WORD, path="kind", values=tuple(RunKind.values),
          help="a training, an evaluation or a try-out"),
    Field(name="step", heading="Step", kind=Kind.NUMBER, path="step", help="training steps done"),
    Field(name="steps", heading="Steps planned", kind=Kind.NUMBER, path="total_steps", help="training steps planned"),
    Field(name="success", heading="Success", kind=Kind.SHARE, help="successes of the latest step, 0.5 or 50%"),
    Field(name="held_out", heading="Held-out success", kind=Kind.SHARE, help="successes on held-out tasks"),
    Field(name="curve", heading="Curve", kind=Kind.SHARE, help="success over the steps", asked=False),
    Field(name="episodes", heading="Episodes", kind=Kind.NUMBER, path="episodes_count", help="episodes finished"),
    Field(name="faults", heading="Faults", kind=Kind.NUMBER, path="faults_count",
          help="episodes that the infrastructure broke"),
    Field(name="replay", heading="Replay", kind=Kind.NUMBER, path="replay_size", help="successes in the replay buffer"),
    Field(name="desktops", heading="Desktops", kind=Kind.NUMBER, path="desktops", help="desktops it uses"),
    Field(name="priority", heading="Priority", kind=Kind.NUMBER, path="priority", help="its place in the queue"),
    Field(name="created", heading="Started", kind=Kind.TIME, path="created_at", help="when it was made: 7d or a day"),
    Field(name="started", heading="First ran", kind=Kind.TIME, path="started_at", help="when its first attempt began"),
    Field(name="finished", heading="Ended", kind=Kind.TIME, path="finished_at", help="when it ended"),
    Field(name="ran", heading="Duration", kind=Kind.SPAN, help="how long it ran or has been running: 2h"),
    Field(name="id", heading="Id", kind=Kind.TEXT, path="id", help="how its id begins"),
    Field(name="parent", heading="Parent", kind=Kind.WORD, path="parent_id", help="id of the run it came from"),
    Field(name="note", heading="Note", kind=Kind.TEXT, path="note", help="words of its note"),
    Field(name="reason", heading="Reason", kind=Kind.TEXT, path="status_reason", help="why it has its status"),
    Field(name="is", heading="", kind=Kind.WORD, values=IS, help="what it is", shown=False),
    Field(name="has", heading="", kind=Kind.WORD, values=HAS, help="what it has", shown=False),
)  # fmt: skip
FIELDS: Final[dict[str, Field]] = {field.name: field for field in _LIST}

DEFAULT_COLUMNS: Final = ("name", "status", "owner", "preset", "step", "success", "curve", "created", "ran")
GROUPABLE: Final = ("status", "owner", "preset", "kind", "parent")
"""Fields that runs can be grouped by, besides every setting."""


def subject_of(name: str) -> Subject:
    """What a name stands for; a name that no field has is a setting's, whether or not a run has such a setting."""
    if name in FIELDS:
        return FIELDS[name]
    if name.startswith(METRIC):
        return Measure(name.removeprefix(METRIC))
    return Setting(name.removeprefix(CONFIG))


def is_numeric(subject: Subject) -> bool:
    """Whether its values are set right, under each other."""
    return isinstance(subject, Measure) or (isinstance(subject, Field) and subject.kind in NUMERIC)

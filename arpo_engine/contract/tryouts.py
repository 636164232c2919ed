"""What a person says to a try-out while it lasts: go on, hold, one step, this click, that instruction, begin anew, end.

Directions travel in the answers to batches of events, as orders for desktops do, and have the same promise: each is
sent until a `TryoutChanged` says that it was taken, and is carried out once. Knows no desktop, no page and no thread.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator

from arpo_engine.contract.actions import (
    Action,
    Click,
    Drag,
    DragTo,
    Hotkey,
    Move,
    Scroll,
    Several,
    SingleAction,
    TypeText,
    Wait,
    untypeable,
)
from arpo_engine.contract.base import Wire
from arpo_engine.contract.frame_refs import FrameRef
from arpo_engine.contract.keys import Key

FARTHEST: Final = 100_000
"""Pixels from the screen's corner, either way; a place off the screen is taken for the nearest one on it."""
MOST_TYPED: Final = 2_000
"""Characters of one action; typing is as slow as a keyboard, and a desktop has step_timeout_s for it."""
MOST_KEYS: Final = 8
LONGEST_KEY: Final = 20
MOST_NOTCHES: Final = 100
LONGEST_WAIT_S: Final = 30.0
MOST_ACTIONS: Final = 16
"""Of one direction."""
LONGEST_INSTRUCTION: Final = 2_000

TryoutState = Literal["starting", "holding", "thinking", "acting", "scoring", "over"]
"""`starting`: the desktop is made ready. `holding`: it waits for a person. `thinking`, `acting`, `scoring`: as any
episode. `over`: the episode is, and its desktop waits for `restart` or `finish` until idle_s_left is up."""

Instruction = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_INSTRUCTION)]


class _Said(Wire):
    number: int = Field(ge=1)
    """Rises from direction to direction of a run. The engine passes over what is not above the last that it took."""
    by: str = Field("", max_length=200)
    """Who said it, for the record."""


class Hold(_Said):
    """Pause. A reply under way is dropped and nothing of it is carried out."""

    kind: Literal["hold"] = "hold"


class Go(_Said):
    """The agent goes on, reply after reply, until it is told otherwise or the episode is over."""

    kind: Literal["go"] = "go"


class OneStep(_Said):
    """One reply of the agent and what it asks for, then hold."""

    kind: Literal["step"] = "step"


class Act(_Said):
    """A person's own action, carried out as it is; the agent is held from then on."""

    kind: Literal["act"] = "act"
    action: Action

    @field_validator("action", mode="after")
    @classmethod
    def _within_limits(cls, action: Action) -> Action:
        actions = action.actions if isinstance(action, Several) else (action,)
        if len(actions) > MOST_ACTIONS:
            raise ValueError(f"{len(actions)} actions at once; give at most {MOST_ACTIONS}")
        for one in actions:
            if told := _excess(one):
                raise ValueError(told)
        return action


class Instruct(_Said):
    """From now on the agent follows these words. What it said before leaves its sight."""

    kind: Literal["instruct"] = "instruct"
    text: Annotated[Instruction, Field(min_length=1)]

    @field_validator("text", mode="after")
    @classmethod
    def _typeable(cls, text: str) -> str:
        return _without_controls(text)


class Restart(_Said):
    """End this episode without a score, and begin another one on a fresh desktop."""

    kind: Literal["restart"] = "restart"
    task: str = Field("", max_length=200)
    """Id of another task of the set; empty: the same task."""
    instruction: Instruction | None = None
    """None: as before, or the task's own if the task is another one. Empty: the task's own."""

    @field_validator("instruction", mode="after")
    @classmethod
    def _typeable(cls, text: str | None) -> str | None:
        return None if text is None else _without_controls(text)


class Finish(_Said):
    """Score the desktop as it stands, if the task's own instruction was followed, and end the try-out."""

    kind: Literal["finish"] = "finish"


Direction = Annotated[
    Hold | Go | OneStep | Act | Instruct | Restart | Finish,
    Field(discriminator="kind"),
]


class TryoutChanged(Wire):
    """How a try-out stands, after every change of it and of its screen."""

    kind: Literal["TryoutChanged"] = "TryoutChanged"
    state: TryoutState
    taken: int = 0
    """Highest number of a direction that was taken, carried out or refused."""
    episode_id: Key | Literal[""] = ""
    task_id: str = ""
    step: int = 0
    """Steps of the episode so far, people's among them."""
    instruction: str = ""
    """What the agent follows now."""
    judged: bool = True
    """Whether `finish` gives a score: the task's own instruction was followed all along."""
    idle_s_left: float | None = None
    """Until the try-out ends unless somebody directs it; None while the agent is busy."""
    refused: str = ""
    """Why the direction `taken` was not carried out, with the cure."""
    note: str = ""
    """Why it holds or is over, if nobody asked for it."""
    screen: tuple[int, int] | None = None
    """(width, height) in pixels; None before there is one."""
    frame: FrameRef | None = None
    """The screen now; None where it did not change since the last such event."""


def on_screen(action: Action, screen: tuple[int, int]) -> Action:
    """The action with every place on the screen (width, height): the nearest pixel of it."""
    if isinstance(action, Several):
        return Several(actions=tuple(_placed(one, screen) for one in action.actions))
    return _placed(action, screen)


def _excess(action: SingleAction) -> str:
    """Why an action is more than a person would do at once; empty if it is not."""
    match action:
        case Click() | Move() | Drag() | DragTo():
            return _too_far(action)
        case Scroll():
            if action.clicks > MOST_NOTCHES:
                return f"{action.clicks} notches of the wheel; give at most {MOST_NOTCHES}"
            return _too_far(action)
        case TypeText():
            if not action.text:
                return "there is nothing to type; give some text"
            if len(action.text) > MOST_TYPED:
                return f"{len(action.text)} characters to type; give at most {MOST_TYPED} at once"
            _without_controls(action.text)
        case Hotkey():
            if len(action.keys) > MOST_KEYS:
                return f"{len(action.keys)} keys at once; give at most {MOST_KEYS}"
            for key in action.keys:
                if not key.strip() or len(key) > LONGEST_KEY:
                    return f"{key[:LONGEST_KEY]!r} is no key; give names such as ctrl, s, enter or f5"
                _without_controls(key)
        case Wait():
            if not action.seconds <= LONGEST_WAIT_S:
                return f"a wait of {action.seconds:g} s; give at most {LONGEST_WAIT_S:g}"
    return ""


def _too_far(action: Click | Move | Drag | DragTo | Scroll) -> str:
    places = [value for name, value in action.model_dump().items() if name in ("x", "y", "to_x", "to_y")]
    far = next((value for value in places if abs(value) > FARTHEST), None)
    return "" if far is None else f"the place {str(far)[:20]} is farther than {FARTHEST} pixels; give one on the screen"


def _without_controls(text: str) -> str:
    found = untypeable(text)
    if found is not None:
        raise ValueError(f"the text holds the character U+{ord(found):04X}, which no keyboard types; leave it out")
    return text


def _placed(action: SingleAction, screen: tuple[int, int]) -> SingleAction:
    sides = {"x": screen[0], "to_x": screen[0], "y": screen[1], "to_y": screen[1]}
    named = [name for name in sides if name in type(action).model_fields]
    return action.model_copy(update={name: min(max(getattr(action, name), 0), sides[name] - 1) for name in named})

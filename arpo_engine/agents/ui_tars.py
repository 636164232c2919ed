"""The UI-TARS agent: its prompts, and replies of the form `Thought: …` and `Action: …`.

1.5 writes pixels of the resized screenshot, 1.0 thousandths of the screen. Knows words, no tokens and no desktops.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from arpo_engine.agents.actions import action_of
from arpo_engine.agents.base import Reply, one_action
from arpo_engine.agents.grammar import Call, read_calls, refuse_too_long
from arpo_engine.agents.screens import Frame, resized_frame, thousandths
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.contract.resize import PixelLimits

SHORT_SYSTEM = "You are a GUI agent."
FULL_SYSTEM = "You are a helpful assistant."
FULL_USER = """\
You are a GUI agent. You are given a task and your action history, with screenshots. \
You need to perform the next action to complete the task.

## Output Format
```
Thought: ...
Action: ...
```

## Action Space

click({start_1})
left_double({start_1})
right_single({start_1})
drag({start_1}, {end_3})
hotkey(key='')
type(content='') #If you want to submit your input, use "\\n" at the end of `content`.
scroll({start_1}, direction='down or up or right or left')
wait() #Sleep for 5s and take a screenshot to check for any changes.
finished()
{give_up}
## Note
- Use {language} in `Thought` part.
- Write a small plan and finally summarize your next action (with its target element) in one sentence in `Thought` part.

## User Instruction
{instruction}"""
GIVE_UP = (
    "call_user() # Submit the task and call the user when the task is unsolvable, or when you need the user's help.\n"
)
PLACES = {
    "start_box": {
        "{start_1}": "start_box='<|box_start|>(x1,y1)<|box_end|>'",
        "{end_3}": "end_box='<|box_start|>(x3,y3)<|box_end|>'",
    },
    "point": {"{start_1}": "point='<point>x1 y1</point>'", "{end_3}": "end_point='<point>x2 y2</point>'"},
}
DRAG_POINTS = ("drag(point=", "drag(start_point=")
"""A drag's first place has a name of its own in the second syntax."""

ACTION_LINE = re.compile(r"(?:^|\n)[ \t]*Action:")
MARKER = "Action:"
SUMMARY = "Action_Summary:"
LABELS = ("Thought:", "Reflection:")


class UiTarsAgent:
    """Implements `Agent`. `limits` are those of the model's own image settings; coordinates depend on them."""

    def __init__(self, config: UiTarsAgentConfig, limits: PixelLimits | None = None) -> None:
        self.config = config
        self.limits = limits or PixelLimits()

    def system_prompt(self) -> str:
        """The system turn."""
        return SHORT_SYSTEM if self.config.prompt == "short" else FULL_SYSTEM

    def user_prompt(self, instruction: str) -> str:
        """The instruction with the action space before it; the `short` prompt says it as a caption instead."""
        if self.config.prompt == "short":
            return ""
        # Not str.format: an instruction may hold braces. It comes last, so that nothing is looked for inside of it.
        words = {
            **PLACES[self.config.syntax],
            "{give_up}": GIVE_UP if self.config.offer_fail else "",
            "{language}": self.config.language,
        }
        text = FULL_USER
        for name, meant in words.items():
            text = text.replace(name, meant)
        return text.replace(*DRAG_POINTS).replace("{instruction}", instruction)

    def caption(self, instruction: str, done: Sequence[str] | None = None) -> str:
        """The `short` prompt says the instruction with every screenshot: a small policy copies from near by."""
        return instruction if self.config.prompt == "short" else ""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        """Read one reply; see `Agent`."""
        thought, calls = read_reply(text)
        frame = self.frame(screen)
        actions = [action_of(call, frame) for call in calls]
        return Reply(thought=thought, action=one_action(actions, self.config.actions_per_reply))

    def frame(self, screen: tuple[int, int]) -> Frame:
        """What the model's coordinates are measured in."""
        return thousandths(screen) if self.config.version == "1.0" else resized_frame(screen, self.limits)


def read_reply(text: str) -> tuple[str, tuple[Call, ...]]:
    """A reply's thought and its calls.

    Raises:
        ActionUnreadable: there is no `Action:`, or what follows it is not in the grammar of calls.
    """
    refuse_too_long(text)
    line = ACTION_LINE.search(text)
    if line is not None:
        head, tail = text[: line.start()], text[line.end() :]
    elif MARKER in text:
        # Thought and action on one line: what the thought says about an "Action:" comes before the real one.
        head, _, tail = text.rpartition(MARKER)
    else:
        raise ActionUnreadable(f"the reply has no line that begins with 'Action:': {text[:60]!r}")
    return _thought(head), read_calls(tail)


def _thought(head: str) -> str:
    """What was thought, without its label; of a reflection with a summary the summary."""
    words = head.strip()
    if SUMMARY in words and not words.startswith(LABELS[0]):
        return words.partition(SUMMARY)[2].strip()
    label = next((label for label in LABELS if words.startswith(label)), "")
    return words.removeprefix(label).strip()

"""The UI-TARS agent: its prompts, and replies of the form `Thought: …` and `Action: …`.

1.5 writes pixels of the resized screenshot, 1.0 thousandths of the screen. Knows words, no tokens and no desktops.
"""

from __future__ import annotations

import re

from arpo_engine.agents.actions import read_action
from arpo_engine.agents.base import Reply
from arpo_engine.agents.screens import resized_frame, thousandths
from arpo_engine.contract.config.parts import UiTarsAgentConfig
from arpo_engine.contract.errors import ActionUnreadable
from arpo_engine.models.resize import PixelLimits

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

click(start_box='<|box_start|>(x1,y1)<|box_end|>')
left_double(start_box='<|box_start|>(x1,y1)<|box_end|>')
right_single(start_box='<|box_start|>(x1,y1)<|box_end|>')
drag(start_box='<|box_start|>(x1,y1)<|box_end|>', end_box='<|box_start|>(x3,y3)<|box_end|>')
hotkey(key='')
type(content='') #If you want to submit your input, use "\\n" at the end of `content`.
scroll(start_box='<|box_start|>(x1,y1)<|box_end|>', direction='down or up or right or left')
wait() #Sleep for 5s and take a screenshot to check for any changes.
finished()
call_user() # Submit the task and call the user when the task is unsolvable, or when you need the user's help.

## Note
- Use {language} in `Thought` part.
- Write a small plan and finally summarize your next action (with its target element) in one sentence in `Thought` part.

## User Instruction
{instruction}"""

ACTION_LINE = re.compile(r"(?:^|\n)[ \t]*Action:")
THOUGHT_LABEL = re.compile(r"(?:.*Action_Summary:|\s*Thought:|\s*Reflection:)", re.DOTALL)


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
        # Not str.format: an instruction may hold braces.
        return FULL_USER.replace("{language}", self.config.language).replace("{instruction}", instruction)

    def caption(self, instruction: str) -> str:
        """The `short` prompt says the instruction with every screenshot: a small policy copies from near by."""
        return instruction if self.config.prompt == "short" else ""

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        """Read one reply; see `Agent`."""
        line = ACTION_LINE.search(text)
        if line is None:
            raise ActionUnreadable(f"the reply has no line that begins with 'Action:': {text[:60]!r}")
        to_screen = thousandths(screen) if self.config.version == "1.0" else resized_frame(screen, self.limits)
        action = read_action(text[line.end() :], to_screen, screen)
        return Reply(thought=THOUGHT_LABEL.sub("", text[: line.start()], count=1).strip(), action=action)

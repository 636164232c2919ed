"""The Qwen-VL agent: the `computer_use` tool in the system turn, and replies that call it.

2.5 writes pixels of the resized screenshot, 3 a grid of 1000 x 1000. Knows words, no tokens and no desktops.
The wording of the tool and of the turns is that of OSWorld's runners for these models (mm_agents/qwen25vl_agent.py,
qwen3vl_agent.py), which they were measured with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from arpo_engine.agents.base import Reply, one_action
from arpo_engine.agents.computer_use import action_of
from arpo_engine.agents.screens import Frame, resized_frame, steps_of_999
from arpo_engine.agents.tool_calls import read_tool_calls
from arpo_engine.contract.config.parts import QwenVlAgentConfig
from arpo_engine.contract.resize import PixelLimits

TOOL = "computer_use"
ABOUT = "Use a mouse and keyboard to interact with a computer, and take screenshots."
ABOUT_3 = f"""\
{ABOUT}
* This is an interface to a desktop GUI. You do not have access to a terminal or applications menu. You must click on \
desktop icons to start applications.
* Some applications may take time to start or process actions, so you may need to wait and take successive screenshots \
to see the results of your actions.
* The screen's resolution is 1000x1000.
* Whenever you intend to move the cursor to click on an element like an icon, you should consult a screenshot to \
determine the coordinates of the element before moving the cursor.
* Make sure to click any buttons, links, icons, etc with the cursor tip in the center of the element."""
OFFERED = (
    "key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click", "double_click",
    "scroll", "wait", "terminate",
)  # fmt: skip
SYSTEM = """\
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{tools}
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""
HELPFUL = "You are a helpful assistant\n\n"
FORMAT_3 = """

# Response format

Response format for every step:
1) Action: a short imperative describing what to do in the UI.
2) A single <tool_call>...</tool_call> block containing only the JSON: {"name": <function-name>, "arguments": \
<args-json-object>}.

Rules:
- Output exactly in the order: Action, <tool_call>.
- Be brief: one sentence for Action.
- Do not output anything else outside those parts.
- If finishing, use action=terminate in the tool call."""
ASK = "Please generate the next move according to the UI screenshot, instruction and previous actions."
LABEL = "Action:"


class QwenVlAgent:
    """Implements `Agent`. `limits` are those of the model's own image settings; 2.5's coordinates depend on them."""

    def __init__(self, config: QwenVlAgentConfig, limits: PixelLimits | None = None) -> None:
        self.config = config
        self.limits = limits or PixelLimits()

    def system_prompt(self) -> str:
        """The tool, and how to call it."""
        system = SYSTEM.replace("{tools}", json.dumps(self._tool()))
        return system + FORMAT_3 if self.config.series == "3" else HELPFUL + system

    def user_prompt(self, instruction: str) -> str:
        """None: the instruction stands beside the first screenshot."""
        return ""

    def caption(self, instruction: str, done: Sequence[str] | None = None) -> str:
        """The instruction beside the first screenshot of a context, with what was done before it."""
        if done is None:
            return ""
        lines = "\n".join(f"Step {number}: {words}" for number, words in enumerate(done, start=1)) or "None"
        return f"\n{ASK}\n\nInstruction: {instruction}\n\nPrevious actions:\n{lines}"

    def parse(self, text: str, screen: tuple[int, int]) -> Reply:
        """Read one reply; see `Agent`."""
        words, calls = read_tool_calls(text, TOOL)
        frame = self.frame(screen)
        actions = [action_of(arguments, frame) for arguments in calls]
        return Reply(
            thought=words.removeprefix(LABEL).strip(), action=one_action(actions, self.config.actions_per_reply)
        )

    def frame(self, screen: tuple[int, int]) -> Frame:
        """What the model's coordinates are measured in."""
        return steps_of_999(screen) if self.config.series == "3" else resized_frame(screen, self.limits)

    def _tool(self) -> dict[str, Any]:
        statuses = ["success", "failure"] if self.config.offer_fail else ["success"]
        properties = {
            "action": {"description": "The action to perform.", "enum": list(OFFERED), "type": "string"},
            "keys": {"description": "Required only by `action=key`.", "type": "array"},
            "text": {"description": "Required only by `action=type`.", "type": "string"},
            "coordinate": {"description": "The x,y coordinates for mouse actions.", "type": "array"},
            "pixels": {"description": "The amount of scrolling.", "type": "number"},
            "time": {"description": "The seconds to wait.", "type": "number"},
            "status": {"description": "The status of the task.", "type": "string", "enum": statuses},
        }
        function = {
            "name_for_human": TOOL,
            "name": TOOL,
            "description": ABOUT_3 if self.config.series == "3" else ABOUT,
            "parameters": {"properties": properties, "required": ["action"], "type": "object"},
            "args_format": "Format the arguments as a JSON object.",
        }
        return {"type": "function", "function": function}

"""The box tokens that the published code writes round places before it learns from a reply. Text in, text out."""

from __future__ import annotations

import re

MARKER = "Action: "
PLACE = re.compile(r"(start_box|end_box)='(\(\d+,\d+\))'")


def with_box_tokens(text: str) -> str:
    """A reply whose special tokens were lost in decoding, as `add_box_token` of the published code writes it.

    Only places of two whole numbers without a blank between them get their tokens back. What follows every `Action: `
    is stripped, and several of them are joined by an empty line (`verl/trainer/gui_agent.py`).
    """
    head, *actions = text.split(MARKER)
    if not actions or "start_box=" not in text:
        return text
    boxed = [PLACE.sub(r"\1='<|box_start|>\2<|box_end|>'", action.strip()) for action in actions]
    return head + MARKER + "\n\n".join(boxed)

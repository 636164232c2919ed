"""Conversations as token ids, in the ChatML form that all Qwen-VL share: what a turn adds, and how a reply reads.

Sampled ids are kept as they are and turns are appended as ids; text is never tokenised twice. Knows no weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from arpo_engine.models.patches import PatchFormat

IMAGE_PAD = "<|image_pad|>"
END_OF_TURN = "<|im_end|>"
SCREENSHOT = "<|vision_start|>" + IMAGE_PAD + "<|vision_end|>"
NEVER_SAMPLED = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    IMAGE_PAD,
    "<|video_pad|>",
)
"""Tokens that only a prompt may hold: a sampled image placeholder would have no screenshot behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTurn:
    """A turn that a context holds besides the present one."""

    reply_ids: tuple[int, ...]
    """As they were sampled, the end-of-turn token among them."""
    size: tuple[int, int] | None = None
    """(width, height) of its screenshot; None: the screenshot has left the context."""


class ChatFormat:
    """Turns of an episode as ids. `size` is always the (width, height) of the desktop's screenshot."""

    def __init__(self, tokenizer: Any, patches: PatchFormat) -> None:
        self.tokenizer = tokenizer
        self.patches = patches
        self.image_id = self._id(IMAGE_PAD)
        self.end_id = self._id(END_OF_TURN)
        self.encode = lru_cache(maxsize=4096)(self._encode)

    def opening_ids(self, system: str, user: str, size: tuple[int, int], caption: str = "") -> tuple[int, ...]:
        """The system turn, what the user says (if anything) and the first screenshot with its caption, up to where the
        reply begins."""
        return self._opening(system, user) + self._screenshot(size, caption)

    def turn_ids(self, size: tuple[int, int], caption: str = "") -> tuple[int, ...]:
        """What follows a reply that ended with its end-of-turn token: the next screenshot with its caption."""
        return self.encode("\n") + self._screenshot(size, caption)

    def window_ids(
        self, system: str, user: str, past: Sequence[PastTurn], size: tuple[int, int], captions: tuple[str, str]
    ) -> tuple[int, ...]:
        """A whole context that begins anew: the opening, past turns, and the present screenshot up to its reply.

        `captions` are those of the context's first screenshot and of all others. With nothing left out the ids are the
        same as those of `opening_ids` and `turn_ids` one after the other.
        """
        ids = list(self._opening(system, user))
        caption = captions[0]
        for turn in past:
            if turn.size is None:
                ids += self.encode("<|im_start|>assistant\n")
            else:
                ids += self._screenshot(turn.size, caption)
                caption = captions[1]
            ids += (*turn.reply_ids, *self.encode("\n"))
        return (*ids, *self._screenshot(size, caption))

    def decode(self, ids: Sequence[int], *, special: bool = True) -> str:
        """The words of a sampled reply, without its end-of-turn token; without `special` no special token is left."""
        words = ids[:-1] if ids and ids[-1] == self.end_id else ids
        text: str = self.tokenizer.decode(
            list(words), skip_special_tokens=not special, clean_up_tokenization_spaces=False
        )
        return text

    def reply_ids(self, text: str) -> tuple[int, ...]:
        """A reply as the policy would have sampled it, its end-of-turn token included."""
        return (*self.encode(text), self.end_id)

    def cells(self, size: tuple[int, int]) -> int:
        """Visual tokens of one screenshot."""
        rows, columns = self.patches.grid(*size)
        return rows * columns

    def _opening(self, system: str, user: str) -> tuple[int, ...]:
        said = f"<|im_start|>user\n{user}<|im_end|>\n" if user else ""
        return self.encode(f"<|im_start|>system\n{system}<|im_end|>\n{said}")

    def _screenshot(self, size: tuple[int, int], caption: str) -> tuple[int, ...]:
        before, after = SCREENSHOT.split(IMAGE_PAD)
        opening = self.encode(f"<|im_start|>user\n{before}")
        return (
            *opening,
            *[self.image_id] * self.cells(size),
            *self.encode(f"{after}{caption}<|im_end|>\n<|im_start|>assistant\n"),
        )

    def _encode(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False))

    def _id(self, token: str) -> int:
        number: int = self.tokenizer.convert_tokens_to_ids(token)
        return number

"""The pocket policy's tokenizer: byte-level BPE with Qwen's special tokens, in which every word of its small world is
one token.

A policy this small copies a word far sooner when the word is one token, with and without the space before it, and when
the fixed parts of an action are one token each. Any other text still encodes, as bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATES = (
    "Thought:",
    "\nAction: click(start_box='(",
    "\nAction: left_double(start_box='(",
    "\nAction: right_single(start_box='(",
    "\nAction: drag(start_box='(",
    "\nAction: scroll(start_box='(",
    "\nAction: type(content='",
    "\nAction: hotkey(key='",
    "\nAction: finished()",
    "\nAction: call_user()",
    "\nAction: wait()",
    ")', end_box='(",
    ")', direction='",
    ")')",
    "')",
)
NUMBERS = 240
"""Whole numbers below this are one token: every pixel of a small screen."""

CHAT_TEMPLATE = """\
{%- for message in messages -%}
<|im_start|>{{ message['role'] }}
{% if message['content'] is string -%}
{{ message['content'] }}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'image' -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part['type'] == 'video' -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- elif 'text' in part -%}
{{ part['text'] }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{% endif -%}
"""


def build_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer in which each of `words` is one token, alone and after a space."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    chat = ("system", "user", "assistant")
    spelled = [form for word in (*chat, *words) for form in (word, f" {word}")]
    numbers = [form for number in range(NUMBERS) for form in (str(number), f" {number}")]
    entries = dict.fromkeys([*alphabet, *map(_as_bytes, numbers), *map(_as_bytes, spelled)])
    # With ignore_merges a piece that is in the vocabulary is one token; no merges are needed beside it.
    core = Tokenizer(models.BPE({entry: number for number, entry in enumerate(entries)}, [], ignore_merges=True))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_tokens([AddedToken(text, normalized=False) for text in TEMPLATES])
    core.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in SPECIAL])
    make: Any = PreTrainedTokenizerFast
    tokenizer: PreTrainedTokenizerFast = make(tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _as_bytes(text: str) -> str:
    """`text` in byte-level BPE's printable alphabet."""
    pieces = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    if len(pieces) != 1:
        raise ValueError(f"{json.dumps(text)} is split into {len(pieces)} pieces; use letters or digits only")
    piece: str = pieces[0][0]
    return piece

"""Demonstrations without their screenshots: same words, same positions, no places asked."""

import numpy as np
import torch

from arpo_engine.models.pocket.lessons import Demonstration
from arpo_engine.models.pocket.recital import recital_loss, verse
from arpo_engine.models.positions import mrope_positions
from tests.engine.policies import SYSTEM, screenshots, shared_policy

LESSON = Demonstration(
    instruction="Turn on WiFi",
    turns=tuple(
        zip(
            screenshots(3),
            (
                "Thought: click WiFi\nAction: click(start_box='(42,42)')",
                "Thought: type 42\nAction: type(content='42')",
                "Thought: done\nAction: finished()",
            ),
            strict=True,
        )
    ),
)


def test_screenshots_are_left_out_and_positions_stay():
    chat = shared_policy().chat
    left = verse(chat, SYSTEM, LESSON)
    assert chat.image_id not in left.ids
    first = len(chat.opening_ids(SYSTEM, LESSON.instruction, (224, 168))) - 48
    opening = chat.opening_ids(SYSTEM, LESSON.instruction, (224, 168))
    positions, following = mrope_positions(opening, [(6, 8)], chat.image_id)
    assert left.positions[0, first] == following
    assert np.array_equal(left.positions[:, first - 1], positions[:, -1])


def test_everything_that_is_said_is_asked_but_places():
    chat = shared_policy().chat
    left = verse(chat, SYSTEM, LESSON)
    said = chat.decode([int(token) for token in left.ids[left.asked]])
    assert "click(start_box='(,)')" in said
    assert "type(content='42')" in said
    assert said.count("<|im_end|>") >= 2


def test_a_verse_is_scored_alike_alone_and_in_company():
    policy = shared_policy()
    long, short = (
        verse(policy.chat, SYSTEM, LESSON),
        verse(policy.chat, SYSTEM, Demonstration(instruction="Save", turns=LESSON.turns[2:])),
    )
    with torch.no_grad():
        alone = [recital_loss(policy, [item])[0] for item in (long, short)]
        together = recital_loss(policy, [long, short])[0]
    asked = [int(item.asked.sum()) for item in (long, short)]
    assert torch.isclose(together, (alone[0] * asked[0] + alone[1] * asked[1]) / sum(asked), atol=1e-5)

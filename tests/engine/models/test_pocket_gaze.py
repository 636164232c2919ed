"""Where attention heads are told to look while the pocket policy is taught."""

from __future__ import annotations

import numpy as np
import torch

from arpo_engine.models.pocket.gaze import FINDING, NAMING, POINTING, Look, looks_of, watched_forward
from arpo_engine.models.positions import mrope_positions
from tests.engine.policies import SYSTEM, screenshots, small_policy

SIZE = (224, 168)
CELLS = 48


def one_turn(reply: str, caption: str = "Turn on WiFi") -> tuple[np.ndarray, int]:
    """Ids of one turn, and where its screenshot begins."""
    chat = small_policy().chat
    ids = np.array([*chat.opening_ids(SYSTEM, "", SIZE, caption), *chat.reply_ids(reply)])
    return ids, int(np.flatnonzero(ids == chat.image_id)[0])


def test_a_click_looks_at_the_cell_that_it_names_before_and_while_it_points():
    ids, image = one_turn("Thought: click WiFi\nAction: click(start_box='(70,42)')")
    looks = list(looks_of(small_policy().chat, ids, SIZE))
    badge = image + 1 * 8 + 2  # the cell of (70, 42): third column, second row
    assert [look.target for look in looks if look.head in (FINDING, POINTING)] == [badge] * 3


def test_the_word_that_is_named_is_looked_up_in_the_caption():
    ids, image = one_turn("Thought: click WiFi\nAction: click(start_box='(70,42)')")
    (look,) = (look for look in looks_of(small_policy().chat, ids, SIZE) if look.head == NAMING)
    assert look.target >= image + CELLS
    assert ids[look.target] == ids[look.at + 1]


def test_a_word_that_stands_twice_in_the_caption_gives_no_look():
    ids, _ = one_turn("Thought: click WiFi\nAction: click(start_box='(70,42)')", "Turn on WiFi and WiFi")
    assert not [look for look in looks_of(small_policy().chat, ids, SIZE) if look.head == NAMING]


def test_an_end_has_nothing_to_look_at():
    ids, _ = one_turn("Thought: done\nAction: finished()")
    assert list(looks_of(small_policy().chat, ids, SIZE)) == []


def test_being_watched_changes_nothing_of_what_is_computed():
    policy = small_policy()
    ids, image = one_turn("Thought: click WiFi\nAction: click(start_box='(70,42)')")
    positions, _ = mrope_positions(ids, [policy.chat.patches.grid(*SIZE)], policy.chat.image_id)
    with torch.no_grad():
        embedded = policy.embed(
            torch.tensor(ids)[None], torch.stack(policy.encode_frames(screenshots(1))).flatten(0, 1)
        )
        places = torch.arange(len(ids))[None]
        plain = policy.hidden_at(embedded, torch.tensor(positions)[:, None], places)
        watched, loss, right = watched_forward(
            policy, embedded, torch.tensor(positions)[:, None], [[Look((0, 0), len(ids) - 1, image)]]
        )
    assert torch.allclose(plain, watched, atol=1e-5)
    assert (float(loss), right) == (0.0, 0.0)

"""The pocket policy's own tokenizer, its lessons, and that teaching teaches."""

from itertools import repeat

import numpy as np
import pytest
import torch

from arpo_engine.models.pocket import warm_start
from arpo_engine.models.pocket.build import PocketShape, build_policy
from arpo_engine.models.pocket.card import Card, SplitResult, write_card
from arpo_engine.models.pocket.lessons import Demonstration, Scene, SceneTeacher, as_trajectory, imitation_loss
from arpo_engine.models.pocket.tokenizer import build_tokenizer
from arpo_engine.models.pocket.warm_start import Progress, Stage, WarmStart, learning_rate_share
from tests.engine.policies import SYSTEM, WORDS, screenshots, small_policy

STEPS = 60
A_MOMENT = Stage(name="ground", minutes=0.03, lr=3e-3)


def scene(seed: int = 0) -> Scene:
    """Two labels at two places, told apart by their colour."""
    pixels = np.full((168, 224, 3), 90, dtype=np.uint8)
    pixels[28:56, 28:56] = (250, 0, 0)
    pixels[84:112, 140:168] = (0, 0, 250)
    return Scene(pixels=pixels, labels={"WiFi": (42, 42), "Save": (154, 98)})


def demonstration() -> Demonstration:
    before, after = screenshots(2)
    return Demonstration(
        instruction="Turn on WiFi",
        turns=(
            (before, "Thought: click WiFi\nAction: click(start_box='(42,42)')"),
            (after, "Thought: done\nAction: finished()"),
        ),
    )


def test_every_word_is_one_token_alone_and_after_a_space():
    tokenizer = build_tokenizer(WORDS)
    for word in (*WORDS, "0", "7", "223"):
        assert len(tokenizer.encode(word, add_special_tokens=False)) == 1
        assert len(tokenizer.encode(f" {word}", add_special_tokens=False)) == 1


@pytest.mark.parametrize("text", ["", "Grüße, 世界 🙂", "a\n\tb  c", "click(start_box='(1,2)')", "=SUM(A1:A10)"])
def test_any_text_survives_the_tokenizer(text: str):
    tokenizer = build_tokenizer(WORDS)
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_a_click_is_nine_tokens():
    policy = small_policy()
    assert len(policy.chat.reply_ids("Thought: click WiFi\nAction: click(start_box='(84,170)')")) == 9


def test_a_word_of_several_pieces_is_refused():
    with pytest.raises(ValueError, match="letters or digits"):
        build_tokenizer(["two words"])


def test_neighbouring_numbers_and_both_spellings_start_alike():
    policy = build_policy(WORDS, PocketShape(), seed=0)
    embeddings = policy.module.get_input_embeddings().weight

    def likeness(one: str, other: str) -> float:
        left, right = (embeddings[policy.chat.encode(text)[0]] for text in (one, other))
        return float(torch.cosine_similarity(left, right, 0).detach())

    assert likeness("84", "85") > likeness("84", "120") > 0.0 or likeness("84", "85") > 0.9
    assert likeness("WiFi", " WiFi") > 0.9 > likeness("WiFi", "Save")


def test_the_shipped_shape_stays_small():
    policy = build_policy(WORDS, PocketShape(), seed=0)
    assert sum(weight.numel() for weight in policy.module.parameters()) < 2_500_000


def test_grounding_learns_where_things_are():
    torch.manual_seed(0)
    policy = small_policy()
    teacher, rng = SceneTeacher(policy, SYSTEM), np.random.default_rng(0)
    before = teacher.loss([scene()], rng)
    WarmStart(policy, SYSTEM, 0, lambda _: None).ground(A_MOMENT, repeat([scene()] * 4))
    after = teacher.loss([scene()], rng)
    assert after.point < before.point
    assert after.cell < before.cell


def test_imitation_makes_the_demonstration_likelier(monkeypatch: pytest.MonkeyPatch):
    # So many steps, instead of as many as this machine takes in a moment.
    monkeypatch.setattr(warm_start, "_shares", lambda minutes: (step / STEPS for step in range(STEPS)))
    policy = small_policy()
    with torch.no_grad():
        before = imitation_loss(policy, SYSTEM, [demonstration()]).imitation
    WarmStart(policy, SYSTEM, 0, lambda _: None).imitate(A_MOMENT, repeat([demonstration()]), repeat([scene()]))
    with torch.no_grad():
        assert imitation_loss(policy, SYSTEM, [demonstration()]).imitation < before / 2


def test_progress_is_told_every_so_many_steps():
    told: list[Progress] = []
    WarmStart(small_policy(), SYSTEM, 0, told.append, every=2).imitate(A_MOMENT, repeat([demonstration()]))
    assert [progress.step for progress in told[:2]] == [2, 4]
    assert told[0].values["demonstrators' success"] == 1.0


def test_a_demonstration_is_an_episode_of_its_turns():
    policy = small_policy()
    trajectory = as_trajectory(policy.chat, SYSTEM, demonstration())
    assert [policy.chat.decode(step.reply_ids) for step in trajectory.steps] == [
        reply for _, reply in demonstration().turns
    ]
    assert trajectory.steps[0].prompt_ids == policy.chat.opening_ids(SYSTEM, "", (224, 168), "Turn on WiFi")
    assert trajectory.steps[1].prompt_ids == policy.chat.turn_ids((224, 168), "Turn on WiFi")


def test_the_learning_rate_rises_and_falls():
    assert learning_rate_share(0, 0.0) < 0.1 < learning_rate_share(100, 0.1)
    assert learning_rate_share(100, 1.0) == pytest.approx(0.03)


def test_the_card_tells_successes_with_their_numbers(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x" * 2_000_000)
    result = SplitResult(feasible=(30, 120), infeasible=(1, 8), by_template={"turn-on": (3, 12)})
    card = Card(
        parameters=1_000_000,
        vocabulary=900,
        seed=0,
        minutes={"ground": 10.0},
        wall_minutes=12.0,
        temperature=0.5,
        splits={"train": result, "held_out": result},
    )
    write_card(tmp_path, card)
    text = (tmp_path / "CARD.md").read_text()
    assert "30/120 (25%)" in text and "3/12 (25%)" in text and "2.0 MB" in text
    assert card.summary() == "train 30/120 (25%), held_out 30/120 (25%)"

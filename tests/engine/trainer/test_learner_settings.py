"""A run's settings of the learner reach the passes, and a whole step comes out as without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.config.learner import PassesConfig
from arpo_engine.models.policy import Policy
from tests.engine.trainer.test_loop import run
from tests.engine.trainer.world import small_config

THRIFTY = {"tokens_per_pass": 300, "padding_free": True, "logits_tokens": 3, "gradient_checkpointing": True}


def test_a_run_that_saves_memory_learns_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[PassesConfig] = []
    stock = Policy.reply_logprobs

    def watched(self, trajectories, temperature=1.0):
        seen.append(self.passes)
        return stock(self, trajectories, temperature)

    monkeypatch.setattr(Policy, "reply_logprobs", watched)
    kl = {"kind": "arpo", "kl": {"place": "loss", "coef": 0.1}, "minibatches": 1}
    plain = run(small_config(limits={"steps": 1}, algorithm=kl), tmp_path / "plain")
    whole_passes = len(seen)
    thrifty = run(small_config(limits={"steps": 1}, algorithm=kl, learner=THRIFTY), tmp_path / "thrifty")
    assert {passes.tokens_per_pass for passes in seen[:whole_passes]} == {None}
    assert all(passes.model_dump().items() >= THRIFTY.items() for passes in seen[whole_passes:])
    assert len(seen) > 2 * whole_passes  # in parts
    for name in ("loss", "grad_norm", "entropy", "reference_kl"):
        key = f"train/{name}"
        assert thrifty.losses()[1][key] == pytest.approx(plain.losses()[1][key], rel=1e-4, abs=1e-6)

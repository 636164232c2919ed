"""The pocket network before it has learnt anything."""

from __future__ import annotations

import torch

from tests.engine.policies import small_policy


def test_a_seed_makes_the_same_network_each_time_and_another_seed_another():
    first, again, other = (small_policy(seed).module.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)

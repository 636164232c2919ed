"""The learner on the real policy: its loss, what it skips, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from arpo_engine.algorithms.losses import policy_loss
from arpo_engine.contract.actions import Finished
from arpo_engine.contract.config import ArpoConfig, GrpoConfig, ReplayConfig
from arpo_engine.contract.config.parts import OptimizerConfig
from arpo_engine.contract.outcomes import EndedBy
from arpo_engine.models.policy import Policy
from arpo_engine.trainer.anchors import old_logprobs
from arpo_engine.trainer.kl_penalty import KlPenalty
from arpo_engine.trainer.learner import Learner
from arpo_engine.trainer.reference import Reference
from arpo_engine.trainer.shaping import retokenised
from arpo_engine.types import Group, Member, Step, Trajectory
from tests.engine.trainer.world import fresh_policy

SIZE = (224, 168)
OPTIMIZER = OptimizerConfig(lr=1e-3, warmup_steps=0, decay="constant", max_grad_norm=1e9)


@pytest.fixture
def policy() -> Policy:
    return fresh_policy()


def learner(policy: Policy, algorithm: GrpoConfig | None = None, optimizer: OptimizerConfig = OPTIMIZER) -> Learner:
    config = algorithm or GrpoConfig(minibatches=1)
    return Learner(policy, algorithm=config, optimizer=optimizer, temperature=1.0, total_steps=10, seed=0)


def sampled(policy: Policy, name: str, words: str) -> Trajectory:
    """An episode of one turn whose log-probs are those of the policy as it is."""
    pixels = np.random.default_rng(len(words)).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    ids = policy.chat.reply_ids(words)
    step = Step(
        pixels=pixels,
        prompt_ids=policy.chat.opening_ids("system", "do it", SIZE),
        reply_ids=ids,
        reply_logprobs=tuple(0.0 for _ in ids),
        weight_version=0,
        text=words,
        thought="",
        action=Finished(),
    )
    blank = Trajectory(episode_id=name, task_id="t", steps=(step,), ended_by=EndedBy.FINISHED, score=1.0, reward=1.0)
    with torch.no_grad():
        logprobs = policy.reply_logprobs([blank]).logprobs[0, : len(ids)].tolist()
    return replace(blank, steps=(replace(step, reply_logprobs=tuple(logprobs)),))


def group(*members: tuple[Trajectory, float], replaced: str | None = None) -> Group:
    made = [Member(trajectory=trajectory, advantage=advantage) for trajectory, advantage in members]
    if replaced is not None:
        made[0] = replace(made[0], replaced=replaced)
    return Group(group_id="g", task_id="t", members=tuple(made))


def weights(policy: Policy) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in policy.module.named_parameters()}


def test_skipping_what_has_no_advantage_gives_the_update_of_the_whole_step(policy: Policy):
    good, bad, dull = (
        sampled(policy, name, text) for name, text in (("a", "click"), ("b", "type"), ("c", "done done"))
    )
    learner(policy).learn([group((good, 1.0), (bad, -1.0)), group((dull, 0.0), (dull, 0.0))], step=1)

    whole = fresh_policy()
    trajectories = [good, bad, dull, dull]
    new = whole.reply_logprobs(trajectories)
    tokens = float(sum(item.tokens for item in trajectories))
    outcome = policy_loss(
        new.logprobs,
        whole.behaviour_logprobs(trajectories),
        torch.tensor([1.0, -1.0, 0.0, 0.0]),
        new.mask,
        clip=GrpoConfig().clip,
        normaliser=tokens,
    )
    optimizer = torch.optim.AdamW(whole.module.parameters(), lr=OPTIMIZER.lr, weight_decay=OPTIMIZER.weight_decay)
    outcome.loss.backward()
    optimizer.step()
    mine, wanted = weights(policy), weights(whole)
    # Adam divides by the size of a gradient, so where it is nearly nothing, rounding decides; almost nowhere else.
    close = [torch.isclose(mine[name], wanted[name], atol=1e-5).float().mean().item() for name in mine]
    assert min(close) > 0.97
    assert sum(close) / len(close) > 0.995


def test_nothing_to_learn_changes_nothing(policy: Policy):
    before = weights(policy)
    report = learner(policy).learn([group((sampled(policy, "a", "click"), 0.0))], step=1)
    assert (report.updates, report.finite, report.loss) == (0, True, None)
    assert all(torch.equal(value, before[name]) for name, value in weights(policy).items())


def test_a_good_reply_gains_on_a_bad_one(policy: Policy):
    good, bad = sampled(policy, "a", "click"), sampled(policy, "b", "type")
    learner(policy, optimizer=OptimizerConfig(lr=1e-4, warmup_steps=0)).learn([group((good, 1.0), (bad, -1.0))], step=1)
    with torch.no_grad():
        after = policy.reply_logprobs([good, bad]).logprobs.sum(-1)
    before = policy.behaviour_logprobs([good, bad]).sum(-1)
    assert after[0] - after[1] > before[0] - before[1]


def test_a_number_that_is_not_finite_is_noticed_and_never_reaches_the_weights(policy: Policy):
    before = weights(policy)
    report = learner(policy).learn([group((sampled(policy, "a", "click"), float("inf")))], step=1)
    assert (report.finite, report.updates) == (False, 0)
    assert all(torch.equal(value, before[name]) for name, value in weights(policy).items())


@pytest.mark.parametrize(("choice", "kl"), [("recomputed", 0.0), ("behaviour", -1.0)])
def test_old_logprobs_of_a_replayed_success_are_as_the_config_says(policy: Policy, choice: str, kl: float):
    fresh, old = sampled(policy, "a", "click"), sampled(policy, "b", "type")
    turn = old.steps[0]
    # It was sampled when each of its tokens was less likely by 1 nat than today.
    old = replace(old, steps=(replace(turn, reply_logprobs=tuple(value - 1.0 for value in turn.reply_logprobs)),))
    config = ArpoConfig(minibatches=1, replay=ReplayConfig(old_logprobs=choice))
    report = learner(policy, config).learn([group((old, 1.0), (fresh, -1.0), replaced="lost")], step=1)
    share = old.tokens / (old.tokens + fresh.tokens)
    assert report.approx_kl == pytest.approx(kl * share, abs=1e-4)
    assert report.clip_fraction_high == pytest.approx(share if choice == "behaviour" else 0.0)


def test_more_minibatches_are_more_updates_and_epochs_repeat_them(policy: Policy):
    trajectories = [sampled(policy, str(number), "click " * (number + 1)) for number in range(4)]
    groups = [group(*[(trajectory, 1.0 if number % 2 else -1.0) for number, trajectory in enumerate(trajectories)])]
    report = learner(policy, GrpoConfig(minibatches=2, epochs=3)).learn(groups, step=1)
    assert report.updates == 6


def test_the_rate_follows_the_schedule_and_the_guards_factor(policy: Policy):
    made = learner(policy, optimizer=OptimizerConfig(lr=1e-3, warmup_steps=2, decay="constant"))
    made.rate_factor = 0.5
    report = made.learn([group((sampled(policy, "a", "click"), 1.0))], step=1)
    assert report.learning_rate == pytest.approx(1e-3 / 2 * 0.5)


def test_a_recomputed_anchor_makes_every_ratio_one(policy: Policy):
    drifted = sampled(policy, "a", "click")
    turn = drifted.steps[0]
    drifted = replace(drifted, steps=(replace(turn, reply_logprobs=tuple(v - 0.5 for v in turn.reply_logprobs)),))
    paper = learner(policy, GrpoConfig(minibatches=1, mode="paper")).learn([group((drifted, 1.0))], step=1)
    assert paper.approx_kl == pytest.approx(0.0, abs=1e-5)
    own = learner(fresh_policy(), GrpoConfig(minibatches=1)).learn([group((drifted, 1.0))], step=1)
    assert own.approx_kl == pytest.approx(-0.5, abs=1e-4)


def test_a_true_ratio_that_is_truncated_weighs_a_replayed_success(policy: Policy):
    old = sampled(policy, "b", "type")
    turn = old.steps[0]
    old = replace(old, steps=(replace(turn, reply_logprobs=tuple(value - 1.0 for value in turn.reply_logprobs)),))
    replayed = Member(trajectory=old, advantage=1.0, replaced="lost")
    config = ArpoConfig(replay=ReplayConfig(old_logprobs="truncated", importance_cap=2.0))
    table, weights_BT = old_logprobs(policy, [replayed, replace(replayed, replaced=None)], config, 1.0)
    # It is e times as likely as when it was sampled, cut at 2; a fresh member keeps what was recorded.
    assert weights_BT[0].tolist() == pytest.approx([2.0] * old.tokens)
    assert weights_BT[1].tolist() == [1.0] * old.tokens
    assert table[0].tolist() == pytest.approx(list(turn.reply_logprobs), abs=1e-4)
    assert table[1].tolist() == pytest.approx(list(old.steps[0].reply_logprobs))


def test_a_fresh_rollout_of_older_weights_may_be_weighed_in_the_same_way_with_a_cap_of_its_own(policy: Policy):
    old = sampled(policy, "b", "type")
    turn = old.steps[0]
    aged = replace(old, steps=(replace(turn, reply_logprobs=tuple(value - 0.5 for value in turn.reply_logprobs)),))
    members = [Member(trajectory=aged, advantage=1.0), Member(trajectory=old, advantage=1.0)]
    for cap, weight in ((2.0, math.exp(0.5)), (1.25, 1.25)):
        config = GrpoConfig(old_logprobs="truncated", importance_cap=cap)
        table, weights_BT = old_logprobs(policy, members, config, 1.0)
        assert weights_BT[0].tolist() == pytest.approx([weight] * old.tokens, rel=1e-4)
        assert weights_BT[1].tolist() == pytest.approx([1.0] * old.tokens, rel=1e-4)
        assert table[0].tolist() == pytest.approx(list(turn.reply_logprobs), abs=1e-4)


def test_what_has_no_advantage_moves_the_weights_only_in_the_paper(policy: Policy):
    dull = sampled(policy, "a", "click")
    before = weights(policy)
    report = learner(policy, GrpoConfig(minibatches=1, zero_variance="keep")).learn([group((dull, 0.0))], step=1)
    assert report.updates == 1
    # Nothing was learnt, yet weight decay has made every weight smaller.
    assert any(not torch.equal(value, before[name]) for name, value in weights(policy).items())


def test_every_trajectory_weighs_alike_if_the_mean_is_taken_of_each_first(policy: Policy):
    short, long = sampled(policy, "a", "click"), sampled(policy, "b", "click click click click")
    groups = [group((short, 1.0), (long, -1.0))]
    of_tokens = learner(policy, GrpoConfig(minibatches=1)).learn(groups, step=1)
    each = GrpoConfig(minibatches=1, loss={"aggregation": "seq_mean"})
    of_trajectories = learner(fresh_policy(), each).learn(groups, step=1)
    share = (short.tokens - long.tokens) / (short.tokens + long.tokens)
    assert of_tokens.loss == pytest.approx(-share, abs=1e-4)
    assert of_trajectories.loss == pytest.approx(0.0, abs=1e-4)
    fixed = GrpoConfig(minibatches=1, loss={"aggregation": "constant", "constant_tokens": 10})
    report = learner(fresh_policy(), fixed).learn(groups, step=1)
    assert report.loss == pytest.approx(-(short.tokens - long.tokens) / 20, abs=1e-4)


def with_penalty(policy: Policy, config: GrpoConfig) -> Learner:
    """A learner whose reference is surer of itself than the untaught policy."""
    frozen = fresh_policy()
    with torch.no_grad():
        frozen.module.lm_head.weight.mul_(1.5)
    reference = Reference(frozen, device=policy.device, offload=True)
    penalty = KlPenalty(config.kl, reference, temperature=1.0)
    slow = OptimizerConfig(lr=1e-6, warmup_steps=0, decay="constant")
    return Learner(policy, algorithm=config, optimizer=slow, temperature=1.0, total_steps=10, seed=0, penalty=penalty)


def test_a_reference_policy_computes_wholly_where_it_is_brought():
    """On a device without numbers: all tensors of a pass have to be there, the tokens that are never sampled, too."""
    frozen, there = fresh_policy(), torch.device("meta")
    Reference(frozen, device=there)
    assert frozen.logits(torch.zeros(1, frozen.module.lm_head.in_features, device=there)).device == there


@pytest.mark.parametrize("zero_variance", ["keep", "drop"])
def test_a_penalty_in_the_loss_draws_the_policy_back_to_its_reference(policy: Policy, zero_variance: str):
    config = GrpoConfig(
        minibatches=1, zero_variance=zero_variance, kl={"place": "loss", "coef": 1.0, "control": "adaptive"}
    )
    made, groups = with_penalty(policy, config), [group((sampled(policy, "a", "click"), 0.0))]
    first, second = made.learn(groups, step=1), made.learn(groups, step=2)
    assert first.reference_kl > second.reference_kl > 0.0
    assert (first.loss, first.kl_coef) == (pytest.approx(first.reference_kl, rel=1e-3), 1.0)
    assert second.kl_coef != 1.0
    resumed = with_penalty(fresh_policy(), config)
    resumed.load_state_dict({**made.state_dict(), "optimizer": made.optimizer.state_dict()})
    assert resumed.state_dict()["penalty"] == made.state_dict()["penalty"]


def test_a_penalty_in_the_reward_is_the_weighed_distance_of_the_whole_trajectory(policy: Policy):
    config = GrpoConfig(kl={"place": "reward", "coef": 0.1, "estimator": "kl"})
    made, said = with_penalty(policy, config), sampled(policy, "a", "click")
    silent = replace(said, episode_id="b", steps=())
    frozen = fresh_policy()
    with torch.no_grad():
        frozen.module.lm_head.weight.mul_(1.5)
        distance = float((policy.reply_logprobs([said]).logprobs - frozen.reply_logprobs([said]).logprobs).sum())
    assert made.reward_penalty([said, silent], ()) == [pytest.approx(0.1 * distance, rel=1e-3), 0.0]
    assert learner(policy).reward_penalty is None


@pytest.mark.parametrize("mode", ["corrected", "paper"])
def test_a_remembered_success_is_as_far_from_the_reference_as_todays_policy_is(policy: Policy, mode: str):
    config = ArpoConfig(mode=mode, kl={"place": "reward", "coef": 0.1, "estimator": "kl"})
    made, fresh = with_penalty(policy, config), sampled(policy, "fresh", "click")
    older = replace(fresh.steps[0], reply_logprobs=tuple(value - 2.0 for value in fresh.steps[0].reply_logprobs))
    remembered = replace(fresh, episode_id="old", steps=(older,))
    taken, of_remembered = made.reward_penalty([fresh, remembered], {"old"})
    assert of_remembered == pytest.approx(taken, rel=1e-3)
    # Taken for a fresh one, its recorded log-probs would be believed in corrected mode.
    _, believed = made.reward_penalty([fresh, remembered], ())
    assert believed == pytest.approx(taken - (0.2 * fresh.tokens if mode == "corrected" else 0.0), rel=1e-3)


def test_what_a_stream_sampled_with_older_weights_is_as_far_from_the_reference_as_todays_policy_is(policy: Policy):
    config = GrpoConfig(kl={"place": "reward", "coef": 0.1, "estimator": "kl"})
    made, said = with_penalty(policy, config), sampled(policy, "a", "click")
    step = replace(said.steps[0], weight_version=1, reply_logprobs=(-9.0,) * said.tokens)
    of_today = replace(said, episode_id="today", steps=(replace(said.steps[0], weight_version=2),), collected_at_step=3)
    ahead = replace(said, episode_id="ahead", steps=(step,), collected_at_step=3)
    wanted, taken = made.reward_penalty([of_today, ahead], ())
    assert taken == pytest.approx(wanted, rel=1e-3)


def test_learning_again_from_the_text_makes_every_ratio_one(policy: Policy):
    said = sampled(policy, "a", "click")
    report = learner(policy, GrpoConfig(minibatches=1, retokenise=True)).learn([group((said, 1.0))], step=1)
    assert (report.finite, report.approx_kl) == (True, pytest.approx(0.0, abs=1e-5))


def test_the_text_that_is_learnt_from_again_has_its_box_tokens_whether_they_were_sampled_or_not(policy: Policy):
    chat = policy.chat
    boxed = "Action: click(start_box='<|box_start|>(1,2)<|box_end|>')"
    for words in (boxed, "Action: click(start_box='(1,2)')"):
        said = sampled(policy, "a", words)
        again = retokenised(said, chat).steps[0]
        assert again.reply_ids == chat.reply_ids(boxed)
        assert len(again.reply_logprobs) == len(again.reply_ids)

"""What an imported run needs, and which faults of the published code it would have met."""

from __future__ import annotations

import pytest

from arpo_engine.contract.config.parts import LoraConfig, ModelConfig
from arpo_engine.contract.config.verl import Verdict, cautions_of, faults_of, import_verl, plan_of
from arpo_engine.contract.config.verl.plan import MemoryRow
from arpo_engine.contract.plan.known_models import shape_of
from arpo_engine.models.counting import count_learnt
from arpo_engine.models.folder import locate
from tests.contract.verl.scripts import FULL128, SUBSET32, finding, with_words

POCKET = ("data.train_files=configs/tasks/pocket/train.json", "data.val_files=configs/tasks/pocket/train.json")
WHOLE, TOWER = 8_292_166_656 / 1e9, 676_550_144 / 1e9
"""Billions of weights of Qwen2.5-VL-7B, and of its vision tower."""
TOWER_SIDES = 32 * (4 * 1280 + 2 * 1280 + 3 * (1280 + 3420)) + 2 * 5120 + 5120 + 3584
POCKET_MODEL = "worker.actor.model.model_path=builtin:pocket"


def faults(*words: str) -> dict[str, str]:
    return {fault.name: fault.what for fault in faults_of(with_words(*words).reading)}


def test_the_plan_of_128_desktops_is_worked_out() -> None:
    imported = import_verl(FULL128)
    plan = plan_of(imported.ready(), imported.reading)
    assert (plan.gpus, plan.rollouts, plan.measured) == (16, 15_360, 2_048)
    assert plan.desktop_hours == pytest.approx((15_360 + 2_048) * (60 + 15 * 3) / 3600)
    assert plan.least_hours == pytest.approx(plan.desktop_hours / 128)
    assert plan.frames_gb == pytest.approx((15_360 + 2_048) * 15 * 1920 * 1080 * 0.07 / 1e9)
    assert plan.frames_kept_gb == 0.5


def test_memory_is_told_for_each_component_on_both_sides() -> None:
    imported = import_verl(SUBSET32)
    rows = {row.component: row for row in plan_of(imported.ready(), imported.reading).memory}
    assert rows["weights that learn"].here == rows["weights that learn"].there == pytest.approx(WHOLE * 2 / 8)
    assert rows["optimizer"].here == pytest.approx(WHOLE * 6 / 8)
    assert rows["activations of one layer"].there is not None, "the published code computes activations again"
    assert rows["desktops (main memory)"].there == 16 * 4
    assert "reference policy" not in rows
    with_kl = with_words("algorithm.disable_kl=false")
    assert "reference policy" in {row.component for row in plan_of(with_kl.ready(), with_kl.reading).memory}


def test_memory_of_a_frozen_tower_and_of_lora_is_less() -> None:
    def rows(*words: str) -> dict[str, MemoryRow]:
        imported = with_words("worker.actor.optim.strategy=adamw", "trainer.n_gpus_per_node=1", *words)
        return {row.component: row for row in plan_of(imported.ready(), imported.reading).memory}

    frozen = rows("worker.actor.model.freeze_vision_tower=true")
    assert frozen["weights that learn"].here == pytest.approx(WHOLE * 2)
    assert frozen["gradients"].here == pytest.approx((WHOLE - TOWER) * 2)
    assert frozen["optimizer"].here == pytest.approx((WHOLE - TOWER) * 4)
    lora = rows("worker.actor.model.lora.rank=16", "worker.actor.model.lora.exclude_modules=.*visual.*")
    numbers = 16 * 28 * (2 * (3584 + 3584) + 2 * (3584 + 512) + 3 * (3584 + 18944)) / 1e9
    assert lora["adapter (LoRA)"].here == pytest.approx(numbers * 4)
    assert lora["gradients"].here == pytest.approx(numbers * 4)
    assert lora["optimizer"].here == pytest.approx(numbers * 8)
    assert lora["weights, with an adapter"].here == pytest.approx(WHOLE * 2)
    with_tower = rows("worker.actor.model.lora.rank=16")
    assert with_tower["adapter (LoRA)"].here == pytest.approx(numbers * 4 + 16 * TOWER_SIDES * 4 / 1e9)
    kl = rows("worker.actor.model.lora.rank=16", "algorithm.disable_kl=false")
    assert "reference policy" not in kl, "it is the model with the adapter off"


def test_the_adapter_of_the_pocket_policy_is_counted_as_its_weights_say() -> None:
    model = ModelConfig(lora=LoraConfig(rank=8))
    pocket = shape_of("builtin:pocket")
    assert pocket is not None
    assert pocket.adapter(8, model.lora.targets, vision=True) == count_learnt(locate("builtin:pocket"), model)
    frozen = model.model_copy(update={"freeze_vision": True})
    assert pocket.adapter(8, model.lora.targets, vision=False) == count_learnt(locate("builtin:pocket"), frozen)


def test_an_unknown_model_has_no_memory_plan_and_says_so() -> None:
    imported = with_words("worker.actor.model.model_path=/models/mine")
    assert plan_of(imported.ready(), imported.reading).memory == ()
    assert any("there is no memory plan" in line for line in cautions_of(imported.ready()))


@pytest.mark.parametrize(
    ("model", "billions"),
    [
        ("UI-TARS-1.5-7B", 8.29),
        ("ByteDance-Seed/UI-TARS-2B-SFT", 2.21),
        ("Qwen/Qwen2.5-VL-72B-Instruct", 73.41),
        ("Qwen/Qwen3-VL-8B-Instruct", 8.77),
        ("Qwen/Qwen3-VL-2B-Instruct", 2.13),
    ],
)
def test_a_models_size_is_read_from_its_name(model: str, billions: float) -> None:
    shape = shape_of(model)
    assert shape is not None and shape.parameters / 1e9 == pytest.approx(billions, abs=0.005)


def test_eight_gpus_asked_for_become_eight_ranks_which_is_said_and_keeps_nothing_from_starting() -> None:
    """No GPU is looked for here: preflight says what the machine has."""
    imported = with_words(*POCKET, POCKET_MODEL, "trainer.max_steps=4", "trainer.n_gpus_per_node=8")
    found = finding(imported, "trainer.n_gpus_per_node")
    assert (found.verdict, found.sets) == (Verdict.MAPPED, {"learner.ranks": 8})
    assert "where there is no GPU they learn on processors" in found.note
    assert imported.ready().learner.ranks == 8


@pytest.mark.parametrize("kind", ["osworld-docker", "vmware", "docker", "xvfb"])
def test_a_published_run_starts_on_desktops_that_can_have_its_tasks(kind: str) -> None:
    words = [f"desktops.kind={kind}", *(["env.num_envs=1"] if kind == "vmware" else [])]
    imported = import_verl(SUBSET32, words=words)
    assert imported.ready().desktops.kind == kind


def test_a_list_that_was_never_published_is_named() -> None:
    assert any("never published" in line for line in cautions_of(import_verl(SUBSET32).ready()))
    assert not any("never published" in line for line in cautions_of(import_verl(FULL128).ready()))


def test_a_published_run_is_one_on_the_official_machines_and_what_they_need_is_said() -> None:
    config = import_verl(SUBSET32).ready()
    assert (config.desktops.kind, config.desktops.count) == ("osworld-docker", 16)
    assert any("need a Docker engine, KVM, the image and its disk" in line for line in cautions_of(config))
    assert any("data.train_files=configs/tasks/pocket/train.json" in line for line in cautions_of(config))


def test_tasks_of_the_small_desktop_are_done_on_it() -> None:
    imported = with_words(*POCKET, POCKET_MODEL, "trainer.max_steps=2")
    assert imported.ready().desktops.kind == "pocket"
    assert cautions_of(imported.ready()) == ()
    plan = plan_of(imported.ready(), imported.reading)
    assert plan.desktop_hours is None and plan.least_hours is None


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        ((), "replay cannot be switched off", "enable_replay=True is never read"),
        ((), "one lost desktop ends the run", "assertion"),
        ((), "measured on what is practised", "very tasks that are practised"),
        (("env.num_envs=8",), "environments must fit exactly", "8 environments are not 2 x 8 = 16"),
        (("trainer.n_gpus_per_node=16",), "fewer trajectories than GPUs", "8 trajectories an update"),
        (("worker.rollout.max_num_batched_tokens=8192",), "batched tokens too few", "below 72192"),
        (("env.max_steps=16",), "screenshots beyond the limit", "16 screenshots and vLLM takes 15"),
        (("data.max_prompt_length=32000",), "a cut trajectory keeps its pixels", "40365 tokens; beyond 32000"),
        (("data.rollout_batch_size=3",), "tasks that never come", "2 of 32 tasks are dropped"),
        (("worker.actor.optim.min_lr_ratio=0.1",), "a schedule that is not read", "min_lr_ratio"),
        (("trainer.val_only=true", "trainer.val_before_train=false"), "validation alone trains", "it trains"),
        (("worker.actor.model.model_path=UI-TARS-2B-SFT",), "coordinates of another model", "thousandths"),
    ],
)
def test_a_fault_that_would_have_hit_is_told_with_the_runs_numbers(
    words: tuple[str, ...], name: str, told: str
) -> None:
    assert told in faults(*words)[name]


def test_a_fault_that_would_not_have_hit_is_not_told() -> None:
    names = set(faults())
    assert not names & {
        "environments must fit exactly", "fewer trajectories than GPUs", "batched tokens too few",
        "screenshots beyond the limit", "a cut trajectory keeps its pixels", "tasks that never come",
        "a schedule that is not read", "validation alone trains", "coordinates of another model",
        "infeasible tasks among the others",
    }  # fmt: skip
    full = {fault.name: fault.what for fault in faults_of(import_verl(FULL128).reading)}
    assert full["infeasible tasks among the others"].startswith("26 of the 128 tasks")
    assert full["replay cannot be switched off"].startswith("replay is on although nobody asked")

"""Plans against numbers worked out by hand: memory by component, work, hours, desktops, disk; and what makes it fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from arpo_engine.contract.config import RunConfig, parse_config
from arpo_engine.contract.plan.cures import too_long, ways_to_fit
from arpo_engine.contract.plan.means import Means, means_of
from arpo_engine.contract.plan.memory import Row, by_moment, memory_of
from arpo_engine.contract.plan.pace import hours_of, pace_of, step_operations
from arpo_engine.contract.plan.places import desktops_of
from arpo_engine.contract.plan.planning import PROCESS_GB, USABLE, Machine, Plan, plan_of
from arpo_engine.contract.plan.sentences import sentences_of
from arpo_engine.contract.plan.shapes import ModelShape, TowerShape
from arpo_engine.contract.plan.work import TaskCounts, Work, work_of

SHAPE = ModelShape(
    kind="qwen2_5_vl", layers=10, hidden=100, heads=5, kv_heads=1, head_size=20, intermediate=300, vocabulary=1000,
    tied=True, tower=TowerShape(kind="qwen2_5_vl", depth=2, width=40, intermediate=80, out=100),
)  # fmt: skip
WORK = Work(
    screen=(560, 560), screenshot=400, patches=1600, turns=10, reply=50, context=5000, learnt_context=5000,
    contexts=1, per_step=8, per_update=4, steps=3, passes=1, updates=2, rollouts=24, tries=0, measured=0,
)  # fmt: skip
GB = 1e9
HALVES = Means(width=2, compute=2, tower_learns=False)


def rows_of(**means: Any) -> dict[str, Row]:
    return {row.component: row for row in memory_of(SHAPE, WORK, replace(HALVES, **means))}


def of_osworld(**tree: Any) -> RunConfig:
    return parse_config(
        {
            "model": {"path": "ByteDance-Seed/UI-TARS-1.5-7B", "dtype": "bfloat16", **tree.pop("model", {})},
            "tasks": {"source": "evaluation_examples"},
            "desktops": {"count": 16},
            "rollout": {"tasks_per_step": 8, "group_size": 8, "max_steps": 15},
            "generator": {"kind": "hf", "max_new_tokens": 400},
            "optimizer": {"kind": "adamw_bf16"},
            **tree,
        }
    )


def test_weights_gradients_and_moments_are_counted_by_the_number():
    rows, whole = rows_of(tower_learns=True), SHAPE.parameters
    assert rows["weights that learn"].gb * GB == whole * 2
    assert rows["gradients"].gb * GB == whole * 2
    assert rows["optimizer"].gb * GB == whole * 4
    assert rows_of(small_moments=True)["optimizer"].gb * GB == (whole - SHAPE.vision) * 6
    adapter = rows_of(rank=4)["adapter (LoRA)"].gb * GB
    # q and o: 100 + 100; k and v: 100 + 20; three of the MLP: 100 + 300; rank 4, 10 layers, 4 bytes.
    assert adapter == 4 * 4 * 10 * (2 * 200 + 2 * 120 + 3 * 400)
    assert rows_of(rank=4)["optimizer"].gb * GB == adapter * 2


def test_activations_of_four_trajectories_are_those_of_all_layers_but_the_last():
    # 4 of the hidden size, 4 of all heads together (100), 4 of the MLP; 2 bytes each; 4 x 5,000 tokens.
    layer = (4 * 100 + 4 * 100 + 4 * 300) * 2
    assert rows_of()["activations"].gb * GB == 9 * layer * 20_000
    assert rows_of(pass_tokens=10_000)["activations"].gb * GB == 9 * layer * 10_000
    assert rows_of(pass_tokens=100)["activations"].gb * GB == 9 * layer * 5_000, "a long one is a part of its own"
    recomputed = rows_of(checkpointing=True)
    assert recomputed["activations"].gb * GB == 10 * 100 * 2 * 20_000
    assert recomputed["activations of one layer"].gb * GB == layer * 20_000


def test_beside_an_adapter_adapted_layers_keep_float32_copies_of_what_they_read():
    # Norms 2 x 100, heads 4 x 100, MLP 3 x 300 in 2 bytes; q, k, v, o, gate, up read 100 and down 300, in 4 bytes.
    layer = (200 + 400 + 900) * 2 + (6 * 100 + 300) * 4
    assert rows_of(rank=4)["activations"].gb * GB == 9 * layer * 20_000
    only_queries = rows_of(rank=4, targets=("q_proj",))
    assert only_queries["activations"].gb * GB == 9 * ((200 + 400 + 900) * 2 + 100 * 4) * 20_000


def test_logits_are_of_all_sampled_tokens_or_of_a_chunk():
    assert rows_of()["logits"].gb * GB == 4 * 10 * 50 * 1000 * 16
    assert rows_of(chunk=512)["logits"].gb * GB == 512 * 1000 * 16


def test_a_tower_that_learns_keeps_its_blocks_and_a_frozen_one_does_not():
    patches, block = 4 * 10 * 1600, (8 * 40 + 4 * 80) * 2
    assert rows_of(tower_learns=True)["vision tower"].gb * GB == 2 * block * patches
    recomputed = rows_of(tower_learns=True, tower_checkpointing=True)
    assert recomputed["vision tower"].gb * GB == 2 * 40 * 2 * patches
    assert rows_of()["vision tower"].phase == "seeing"
    assert rows_of()["visual tokens"].gb * GB == 4 * 10 * 400 * 100 * 2


def test_ranks_share_out_what_learns_and_offloading_moves_it_to_the_computer():
    four = rows_of(ranks=4, shards=4, apart=True)
    assert four["weights that learn"].gb == pytest.approx(rows_of()["weights that learn"].gb / 4)
    assert four["optimizer"].gb == pytest.approx(rows_of()["optimizer"].gb / 4)
    assert four["activations"].gb == pytest.approx(rows_of()["activations"].gb / 4), "one trajectory a rank"
    assert four["weights that sample"].gb * GB == SHAPE.parameters * 2
    assert "weights brought together" in four
    assert "weights that sample" not in rows_of(), "what learns is what samples"
    assert rows_of(streams=True)["weights that sample"].gb * GB == SHAPE.parameters * 2, "it changes when it is pushed"
    both = rows_of(ranks=4, shards=4, apart=True, streams=True)["weights that sample"]
    assert both.gb * GB == 2 * SHAPE.parameters * 2
    mirror = rows_of(ranks=4, shards=4, apart=True, sampler="vllm")["weights of the run's process"]
    assert (mirror.place, mirror.gb * GB) == ("memory", SHAPE.parameters * 2)
    away = rows_of(ranks=4, shards=2, offload=True)
    assert away["optimizer"].place == "memory"
    assert away["optimizer"].gb == pytest.approx(rows_of()["optimizer"].gb * 2), "two copies, each over two ranks"


def test_an_adapter_is_merged_into_a_copy_for_engines_of_their_own():
    of_queries = rows_of(rank=4, targets=("q_proj",), sampler="vllm")["merged copy of a push"]
    assert of_queries.gb * GB == SHAPE.layers * SHAPE.hidden * SHAPE.heads * SHAPE.head_size * 2
    assert (of_queries.place, of_queries.phase) == ("gpu", "sampling")
    assert rows_of(rank=4, sampler="vllm", apart=True, ranks=2, shards=2)["merged copy of a push"].place == "memory"
    assert "merged copy of a push" not in {**rows_of(rank=4), **rows_of(sampler="vllm")}


def test_the_sampler_keeps_a_cache_for_every_episode_and_for_the_batch():
    # Keys and values: 2 x 10 layers x 1 head x 20; 6 episodes at once, 4 answered together.
    cache = rows_of(at_once=6, batch=4)["cache of contexts"]
    assert cache.gb * GB == (6 + 4) * 5000 * 400 * 2
    assert cache.phase == "sampling"
    engine = rows_of(sampler="vllm", at_once=6, engines=2, engine_gpus=2, engine_gb=1.0)
    assert engine["weights that sample"].gb * GB == SHAPE.parameters
    held = engine["weights that sample"].gb + engine["cache of contexts"].gb
    assert held == pytest.approx(1.0), "vLLM takes its share of the GPU, whatever it needs"
    assert "weights that sample" not in rows_of(sampler="elsewhere")


def test_a_moment_adds_up_what_lies_there_together():
    rows = memory_of(SHAPE, WORK, replace(HALVES, checkpointing=True))
    moments, named = by_moment(rows, "gpu"), {row.component: row.gb for row in rows}
    kept = named["weights that learn"] + named["optimizer"]
    lasting = kept + named["gradients"]
    during = named["activations"] + named["visual tokens"]
    layer = named["activations of one layer"] + named["working space of a pass"]
    assert moments["learning"] == pytest.approx(lasting + during + layer)
    assert moments["updating"] == pytest.approx(lasting + named["working space of the optimizer"])
    assert moments["scoring"] == pytest.approx(lasting + during + named["logits"] + named["working space of the head"])
    sampling = named["cache of contexts"] + named["working space of sampling"]
    assert moments["sampling"] == pytest.approx(kept + sampling), "gradients are given up after each update"


def test_a_run_that_only_measures_has_no_gradients():
    rows = rows_of(trains=False)
    assert "weights" in rows
    assert not {"gradients", "optimizer", "activations", "logits"} & set(rows)


def test_work_is_counted_from_the_settings():
    work = work_of(of_osworld(), None, TaskCounts(train=32, held_out=8))
    assert (work.per_step, work.per_update, work.updates) == (64, 32, 2)
    assert work.context == 700 + 15 * (2691 + 110 + 10) == 42_865
    assert work.rollouts == 100 * 64
    assert work.measured == (1 + 5) * (32 + 8), "before, after every 20th step"
    assert work.learnt_tokens == 64 * 42_865


def test_tries_that_choose_tasks_are_counted_before_the_first_step():
    chosen = {"source": "evaluation_examples", "selection": {"kind": "learnable", "attempts": 16}}
    config = of_osworld(tasks=chosen)
    assert work_of(config, None, TaskCounts(train=32)).tries == 32 * 16
    assert work_of(config, None).tries is None
    assert "their number depends on the tasks" in sentences_of(plan_of(config, Machine()))[1]
    limited = of_osworld(tasks={**chosen, "limit": 5})
    assert work_of(limited, None).tries == 5 * 16
    assert work_of(of_osworld(kind="evaluate", tasks=chosen), None, TaskCounts(train=32)).tries == 0


def test_a_window_of_screenshots_makes_more_and_shorter_samples():
    work = work_of(of_osworld(agent={"kind": "ui_tars", "history_images": 5}), None)
    assert work.contexts == 11
    assert work.context == 700 + 15 * 120 + 5 * 2691


def test_what_is_cut_before_learning_is_not_counted_there():
    work = work_of(of_osworld(algorithm={"kind": "grpo", "max_learnt_tokens": 8000}), None)
    assert (work.context, work.learnt_context) == (42_865, 8000)
    assert work.learnt_screenshots == 2


def test_a_greedy_rollout_a_task_and_an_evaluation_are_counted():
    remax = work_of(of_osworld(algorithm={"kind": "grpo", "estimator": "remax"}), None)
    assert remax.rollouts == 6400 + 800
    evaluation = work_of(of_osworld(kind="evaluate"), None, TaskCounts(train=32, held_out=8))
    assert (evaluation.rollouts, evaluation.measured) == (0, 4 * 40)
    assert work_of(of_osworld(validation={"only": True}), None, TaskCounts(train=2)).rollouts == 0


def test_hours_are_waves_of_episodes_and_operations_at_a_pace():
    config = of_osworld(limits={"steps": 10})
    work, means = replace(WORK, per_step=32, rollouts=320, steps=10, measured=16, tries=0), HALVES
    pace = pace_of(config, on_gpu=True, cores=1)
    found = hours_of(config, work, means, SHAPE, pace)
    episode = 60 + 10 * (3 + 3)
    assert found.rollouts_s == 2 * episode, "32 episodes on 16 desktops"
    forward = (
        2 * 10 * SHAPE.layer_parameters * 5000
        + 2 * 10 * 100 * 5000 * 5000
        + 2 * 1000 * 100 * 500
        + 2 * SHAPE.vision * 16_000
        + 4 * 2 * 40 * 1600 * 16_000
    )
    assert step_operations(config, work, means, SHAPE) == 32 * forward * 3
    assert found.learner_s == pytest.approx(32 * forward * 3 / (989e12 * 0.4))
    assert found.measuring_h == pytest.approx(episode / 3600)
    assert found.total_h == pytest.approx(10 * (found.rollouts_s + found.learner_s) / 3600 + found.measuring_h)
    stopped = hours_of(of_osworld(limits={"steps": 10, "minutes": 3}), work, means, SHAPE, pace)
    assert stopped.total_h == 3 / 60
    stream = hours_of(of_osworld(rollout={"mode": "stream"}), work, means, SHAPE, pace)
    assert stream.total_h * 3600 == pytest.approx(10 * found.rollouts_s + episode), "the learner works beside it"


def test_recomputing_and_old_log_probs_cost_a_pass_forward_each_and_an_adapter_saves_one():
    plain = step_operations(of_osworld(), WORK, HALVES, SHAPE)
    assert step_operations(of_osworld(), WORK, replace(HALVES, checkpointing=True), SHAPE) == plain / 3 * 4
    assert step_operations(of_osworld(), WORK, replace(HALVES, rank=8), SHAPE) == plain / 3 * 2
    again = of_osworld(algorithm={"kind": "grpo", "mode": "paper", "kl": {"place": "loss"}})
    assert step_operations(again, WORK, HALVES, SHAPE) == plain / 3 * 5


def test_desktops_and_disk_are_told():
    plan = plan_of(of_osworld(checkpoint={"keep": 2}), Machine(gpus=8), tasks=TaskCounts(train=32))
    assert (plan.desktops.count, plan.desktops.gb, plan.desktops.cores) == (16, 64.0, 64.0)
    assert not plan.desktops.here, "OSWorld's machines have hosts of their own"
    assert plan.disk.checkpoint_gb == pytest.approx(8_292_166_656 * (2 + 6) / GB)
    assert plan.disk.checkpoints == 5
    assert plan.disk.frames_kept_gb == 0.5
    adapter = plan_of(of_osworld(model={"lora": {"rank": 32}}), Machine(gpus=1))
    assert adapter.disk.export_gb == pytest.approx(8_292_166_656 * 2 / GB)
    assert adapter.disk.checkpoint_gb < 1.1


def fits(plan: Plan) -> bool:
    return plan.gpu_gb <= plan.machine.gpu_gb * USABLE


def test_a_43k_trajectory_of_a_7b_fits_one_gpu_of_80_gb_with_lora_and_the_plan_says_how():
    config = of_osworld(model={"lora": {"rank": 32}})
    plan = plan_of(config, Machine(gpus=1, gpu_gb=80.0))
    assert plan.work.trajectory_tokens == 42_865
    assert not plan.fits
    (way,) = ways_to_fit(config, plan)
    assert way.settings == (
        "learner.tokens_per_pass=42865", "learner.gradient_checkpointing=true", "generator.max_batch=4",
    )  # fmt: skip
    assert fits(way.plan)
    assert too_long(config, plan), "alone it would not fit without computing activations again"


def test_a_43k_trajectory_of_a_7b_fits_eight_gpus_of_80_gb_with_all_weights_learning():
    config = of_osworld(learner={"ranks": 8, "tokens_per_pass": 42_865, "gradient_checkpointing": True})
    plan = plan_of(config, Machine(gpus=8, gpu_gb=80.0))
    found = plan_of(parse_config({**config.model_dump(), "generator": {"kind": "hf", "max_batch": 1}}), plan.machine)
    assert found.fits, found.too_large
    assert by_moment(found.memory, "gpu")["learning"] < 70
    (whole, adapter) = ways_to_fit(config, plan)
    assert (whole.title, adapter.title) == ("all weights learn", "an adapter learns (LoRA)")
    assert whole.settings == ("generator.max_batch=1",)


def test_one_gpu_learns_all_weights_of_a_7b_only_with_offload():
    config = of_osworld()
    whole = ways_to_fit(config, plan_of(config, Machine(gpus=1, gpu_gb=80.0)))[0]
    assert "learner.offload=true" in whole.settings
    assert whole.plan.memory_gb > 80, "what the GPU does not hold, the computer does"
    assert whole.plan.largest("gpu").component == "cache of contexts"
    assert whole.plan.largest("memory").component == "optimizer"
    small = plan_of(config, Machine(gpus=1, gpu_gb=80.0, memory_gb=32.0))
    assert [way.title for way in ways_to_fit(config, small)] == ["an adapter learns (LoRA)"]


def test_a_context_that_no_gpu_holds_is_refused_with_lora_and_offload_named():
    config = of_osworld(rollout={"tasks_per_step": 1, "max_steps": 60}, agent={"kind": "ui_tars", "max_images": 60})
    plan = plan_of(config, Machine(gpus=8, gpu_gb=24.0))
    told = too_long(config, plan)
    assert told is not None
    assert "169,360 tokens is too long for one GPU" in told
    assert "no sequence parallelism" in told and "model.lora.rank" in told and "learner.offload" in told
    assert too_long(config, plan_of(config, Machine(gpus=0))) is None


def test_the_largest_component_is_named_and_a_machine_without_room_is_refused():
    config = of_osworld(learner={"tokens_per_pass": 42_865})
    plan = plan_of(config, Machine(gpus=1, gpu_gb=80.0))
    assert plan.too_large is not None
    assert "on a GPU of 80 GB while scoring; most of it is vision tower" in plan.too_large
    on_a_processor = plan_of(config, Machine(gpus=0, memory_gb=24.0))
    assert on_a_processor.too_large is not None and "of the computer's 24.0 GB" in on_a_processor.too_large
    assert plan_of(config, Machine(gpus=0)).too_large is None, "nothing is known of the computer"


def test_a_small_policy_fits_a_small_computer_and_nothing_has_to_change():
    config = parse_config({})
    plan = plan_of(config, Machine(gpus=0, memory_gb=4.0, cores=2), tasks=TaskCounts(train=96, held_out=96))
    assert plan.fits and ways_to_fit(config, plan) == ()
    assert plan.memory_gb > PROCESS_GB
    assert plan.desktops.here
    assert sentences_of(plan)[0].startswith("Memory: 2.2 GB")


def test_a_run_that_keeps_to_processors_takes_no_gpu():
    config = of_osworld(learner={"backend": "gloo"})
    plan = plan_of(config, Machine(gpus=8, memory_gb=24.0))
    assert plan.gpu_gb == 0.0
    assert plan.too_large is not None and "of the computer's 24.0 GB" in plan.too_large


def test_a_model_that_nobody_knows_is_planned_without_memory():
    plan = plan_of(of_osworld(model={"path": "lab/mine"}), Machine(gpus=1))
    assert plan.parameters is None and plan.memory == () and plan.too_large is None
    assert "is not known" in sentences_of(plan)[0]
    assert "without the learner's own time" in sentences_of(plan)[2]


def test_settings_of_a_run_become_means():
    means = means_of(
        of_osworld(
            model={"freeze_vision": True, "lora": {"rank": 8, "targets": ("q_proj",)}},
            generator={"kind": "vllm", "replicas": 2, "tensor_parallel": 2, "sleep": True},
            learner={"ranks": 8, "replicas": 2, "logits_tokens": 256, "gradient_checkpointing": True},
            algorithm={"kind": "grpo", "kl": {"place": "loss", "reference": "elsewhere"}},
        )
    )
    assert (means.ranks, means.shards, means.apart) == (8, 4, True)
    assert (means.rank, means.adapts("q_proj"), means.adapts("k_proj")) == (8, True, False)
    assert (means.sampler, means.engines, means.engine_gpus, means.sleeps) == ("vllm", 2, 2, True)
    assert (means.chunk, means.checkpointing, means.reference) == (256, True, "offloaded")
    assert means_of(of_osworld(generator={"kind": "vllm"})).reference == ""
    assert means_of(of_osworld(rollout={"mode": "stream"})).streams
    assert not means_of(of_osworld(rollout={"mode": "stream"}, generator={"kind": "vllm"})).streams


def test_displays_of_this_machine_take_its_memory() -> None:
    planned = desktops_of(RunConfig.model_validate({"desktops": {"kind": "xvfb", "count": 4}}))
    assert (planned.count, planned.here) == (4, True)
    assert planned.gb == pytest.approx(1.4)


def test_containers_are_planned_as_displays_and_virtual_machines_as_they_are_given() -> None:
    display = desktops_of(RunConfig.model_validate({"desktops": {"kind": "xvfb", "count": 4}}))
    assert desktops_of(RunConfig.model_validate({"desktops": {"kind": "docker", "count": 4}})) == display
    given = {"kind": "osworld-docker", "count": 2, "memory_gb": 6, "cpus": 3}
    machine = desktops_of(RunConfig.model_validate({"desktops": given}))
    assert (machine.gb, machine.cores, machine.here) == (24.0, 6.0, True), "each of two processes has a spare ready"
    few = desktops_of(RunConfig.model_validate({"desktops": {**given, "per_process": 2, "spares": 0}}))
    assert few.gb == 12.0


def test_machines_of_vmware_are_on_this_computer_whatever_is_done_in_them() -> None:
    tree = {"tasks": {"source": "configs/tasks/pocket"}, "desktops": {"kind": "vmware", "count": 1}}
    planned = desktops_of(RunConfig.model_validate(tree))
    assert (planned.gb, planned.cores, planned.here) == (4.0, 4.0, True)


def test_a_measurement_is_planned_without_a_learner() -> None:
    config = RunConfig.model_validate({"kind": "evaluate", "generator": {"kind": "oracle"}})
    told = " ".join(sentences_of(plan_of(config, Machine(cores=2, gpus=0, gpu_gb=0.0, memory_gb=24.0))))
    assert "a reply" in told and "learner" not in told


def test_a_try_out_has_one_desktop_and_lasts_as_long_as_somebody_directs_it() -> None:
    config = RunConfig.model_validate({"kind": "try", "desktops": {"count": 64}})
    plan = plan_of(config, Machine(gpus=0, memory_gb=16.0, cores=2))
    assert plan.desktops.count == 1
    assert (plan.work.rollouts, plan.work.measured) == (0, 0)
    told = " ".join(sentences_of(plan))
    assert "episodes as they are directed" in told
    assert "until whoever directs it ends it" in told
    assert config.desktops.count == 64  # what was written stays as it was written

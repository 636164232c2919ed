"""Every key gets one of four verdicts, and nothing that somebody wrote is dropped."""

from __future__ import annotations

import pytest
import yaml

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.verl import Verdict, import_verl
from arpo_engine.contract.config.verl.importing import RULES
from arpo_engine.contract.config.verl.published import BASE_CONFIG, DEFAULTS
from arpo_engine.contract.errors import ConfigError
from tests.contract.verl.scripts import FULL128, REPLICA, SUBSET32, finding, with_words


def base_config() -> str:
    """The published base config as a file."""
    tree: dict = {}
    for key, value in BASE_CONFIG.items():
        *parents, leaf = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value
    return yaml.safe_dump(tree)


@pytest.mark.parametrize("text", [SUBSET32, FULL128, base_config()], ids=["subset32", "full128", "base config"])
def test_the_published_runs_import_without_a_refusal(text: str) -> None:
    imported = import_verl(text)
    assert imported.refused == ()
    assert imported.problems == ()
    assert isinstance(imported.ready(), RunConfig)


def test_the_script_on_16_desktops_means_what_it_meant() -> None:
    config = import_verl(SUBSET32).ready()
    assert (config.rollout.tasks_per_step, config.rollout.group_size, config.desktops.count) == (2, 8, 16)
    assert (config.rollout.max_steps, config.agent.max_images, config.generator.max_new_tokens) == (15, 15, 8192)
    assert (config.algorithm.kind, config.algorithm.mode, config.algorithm.minibatches) == ("arpo", "paper", 2)
    assert (config.algorithm.clip.low, config.algorithm.clip.high, config.algorithm.clip.dual) == (0.2, 0.3, 3.0)
    assert config.algorithm.kl.place == "off"
    assert config.algorithm.loss.aggregation == "seq_mean"
    assert (config.optimizer.kind, config.optimizer.lr, config.optimizer.decay) == ("adamw_bf16", 1e-6, "constant")
    assert (config.optimizer.warmup_ratio, config.optimizer.warmup) == (0.05, "from_zero")
    assert (config.model.path, config.model.dtype, config.agent.version) == ("UI-TARS-1.5-7B", "bfloat16", "1.5")
    assert (config.limits.steps, config.checkpoint.every_steps, config.checkpoint.keep) == (240, 16, 3)
    assert (config.validation.every_steps, config.validation.temperature, config.seed) == (16, 0.5, 1)
    assert (config.tasks.source, config.tasks.train) == ("evaluation_examples", "test_success_middle_difficult")
    assert config.tasks.held_out is None and config.validation.include_train
    assert config.guard.enabled is False


def test_what_is_computed_at_once_means_what_it_meant() -> None:
    learner = import_verl(SUBSET32).ready().learner
    assert (learner.padding_free, learner.gradient_checkpointing) == (True, True)
    # One trajectory of the longest that is learnt from; shorter ones share a pass.
    assert learner.tokens_per_pass == 64_000
    two = with_words("worker.actor.micro_batch_size_per_device_for_update=2", "worker.actor.padding_free=false")
    assert (two.ready().learner.tokens_per_pass, two.ready().learner.padding_free) == (128_000, False)
    assert with_words("worker.actor.padding_free=7").refused


def test_the_script_on_128_desktops_makes_120_steps_of_two_updates() -> None:
    config = import_verl(FULL128).ready()
    assert (config.limits.steps, config.algorithm.minibatches, config.desktops.count) == (120, 2, 128)
    assert config.optimizer.warmup_ratio is None and config.optimizer.warmup_steps == 0


def test_every_key_of_the_published_code_has_a_rule() -> None:
    assert not [key for key in (*DEFAULTS, *BASE_CONFIG) if key not in RULES]


def test_every_word_that_was_written_is_in_the_table() -> None:
    imported = import_verl(SUBSET32)
    assert sum(imported.counts.values()) == len(imported.findings)
    written = {finding.written for finding in imported.findings if finding.origin in ("command", "base")}
    words = [word for line in SUBSET32.splitlines() for word in line.split() if "." in word and "=" in word]
    assert {word.partition("=")[0] for word in words if word[0].islower()} <= written


@pytest.mark.parametrize(
    "key",
    [
        "data.prompt_key", "data.answer_key", "worker.reward.score_function", "data.format_prompt", "env.screen_size",
        "data.val_batch_size", "worker.actor.fsdp.use_orig_params", "algorithm.enable_replay", "worker.critic.optim.lr",
        "worker.rollout.max_num_seqs", "worker.actor.optim.warmup_style",
    ],
)  # fmt: skip
def test_a_key_without_effect_there_is_said_to_be_inert(key: str) -> None:
    row = finding(import_verl(SUBSET32), key)
    assert row.verdict is Verdict.INERT
    assert row.note and not row.sets


@pytest.mark.parametrize("asked", ["True", "False"])
def test_the_dead_replay_switch_is_named_and_replay_stays_on_as_it_did(asked: str) -> None:
    imported = with_words(f"algorithm.enable_replay={asked}")
    assert "never read" in finding(imported, "algorithm.enable_replay").note
    config = imported.ready()
    assert config.algorithm.kind == "arpo" and config.algorithm.replay.enabled and config.algorithm.mode == "paper"


def test_units_of_a_batch_are_explained() -> None:
    row = finding(import_verl(FULL128), "worker.actor.global_batch_size")
    assert row.verdict is Verdict.ADAPTED
    assert row.note == "8 prompts x 8 rollouts = 64 trajectories an update, so 2 updates a step"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("algorithm.adv_estimator=gae", "critic"),
        ("algorithm.adv_estimator=ppo", "use grpo, rloo, remax, reinforce_plus_plus"),
        ("algorithm.kl_penalty=full", "use low_var_kl"),
        ("worker.actor.ulysses_sequence_parallel_size=2", "use 1"),
        ("worker.actor.ulysses_sequence_parallel_size=2", "LoRA (worker.actor.model.lora.rank=32) or offload"),
        ("worker.actor.ulysses_size=4", "use 1"),
        ("data.train_files=hiyouga/math12k@train", "EasyR1"),
        ("data.train_files=tasks.parquet", "no JSON list"),
        ("data.val_files=elsewhere/test_all.json", "put both lists into one folder"),
        ("worker.rollout.n=1", "2 rollouts or more"),
        ("worker.rollout.n=many", "not a whole number"),
        ("worker.rollout.top_k=50", "use -1"),
        ("worker.actor.global_batch_size=3", "no multiple"),
        ("worker.actor.loss_type=sapo", "use default, gspo, cispo"),
        (
            "trainer.load_checkpoint_path=checkpoints/global_step_8",
            r"python -m arpo_engine import-checkpoint checkpoints/global_step_8 --out DIR",
        ),
        ("trainer.critic_warmup=3", "use 0"),
        ("trainer.logger=[console,telegram]", "use a list of"),
        ("worker.actor.optim.lr=fast", "is not a number"),
        ("worker.actor.clip_ratio_lo=0.2", "did you mean worker.actor.clip_ratio_low?"),
        ("worker.reward.reward_function=./math.py:compute", "leave it out"),
        ("worker.actor.model.override_config.rope=1", "config.json"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_cure(word: str, reason: str) -> None:
    imported = with_words(word)
    refused = {row.written: row.note for row in imported.refused}
    key = word.partition("=")[0]
    assert key in refused
    assert any(reason in note for note in refused.values())
    assert imported.config is None
    with pytest.raises(ConfigError, match=r"data|worker|algorithm|trainer"):
        imported.ready()


def test_a_recipe_of_text_is_refused_as_a_whole_with_the_way_out() -> None:
    script = (
        "python3 -m verl.trainer.main config=examples/config.yaml data.train_files=hiyouga/geometry3k@train "
        "data.val_files=hiyouga/geometry3k@test worker.actor.model.model_path=Qwen/Qwen2.5-VL-7B-Instruct"
    )
    assert "Train such a recipe with EasyR1" in finding(import_verl(script), "data.train_files").note


def test_the_base_config_of_easyr1_has_no_desktops_and_is_refused() -> None:
    text_only = yaml.safe_load(base_config())
    text_only.pop("env")
    imported = import_verl(yaml.safe_dump(text_only))
    assert {row.written for row in imported.refused} == {"data.train_files", "data.val_files"}


@pytest.mark.parametrize("word", ["gspo", "gspo_token"])
def test_losses_of_later_versions_are_understood(word: str) -> None:
    assert with_words(f"worker.actor.loss_type={word}").ready().algorithm.loss.kind == "gspo"


def test_validation_keeps_its_own_sampling_and_its_episodes_to_compare() -> None:
    validation = with_words("worker.rollout.val_override_config.top_p=0.9").ready().validation
    assert (validation.top_p, validation.compare, validation.before_training, validation.only) == (0.9, 3, True, False)


def test_validation_alone_is_imported_where_the_original_would_have_done_it() -> None:
    alone = with_words("trainer.val_only=true", "trainer.val_freq=-1").ready().validation
    assert alone.only and alone.every_steps == 1
    refused = with_words("trainer.val_only=true", "trainer.val_before_train=false")
    assert "and so would train" in finding(refused, "trainer.val_only").note


def test_validation_may_be_switched_off() -> None:
    assert with_words("trainer.val_freq=-1").ready().validation.every_steps == 0
    assert with_words("trainer.val_before_train=false").ready().validation.before_training is False


def test_tasks_that_cannot_be_counted_are_asked_for() -> None:
    words = ("data.train_files=x/mine.json", "data.val_files=x/mine.json")
    assert (
        "put the list beside the script, or write trainer.max_steps"
        in finding(with_words(*words), "trainer.total_episodes").note
    )
    assert with_words(*words, "trainer.max_steps=30").ready().limits.steps == 30


def test_a_task_list_beside_the_script_is_counted() -> None:
    lists = {"x/mine.json": '{"chrome": ["a", "b", "c"], "os": ["d"]}'}
    words = ("data.train_files=x/mine.json", "data.val_files=x/mine.json")
    imported = import_verl(SUBSET32, words=words, read_file=lists.get)
    assert imported.reading.tasks == 4
    assert imported.ready().limits.steps == 30
    with pytest.raises(ConfigError, match="is not JSON"):
        import_verl(SUBSET32, words=words, read_file=lambda name: "{" if name.endswith("json") else None)


def test_the_replicas_command_needs_its_base_config() -> None:
    imported = import_verl(REPLICA)
    assert "is not here" in finding(imported, "config").note
    with_base = import_verl(REPLICA, read_file={"configs/config_uitars_2b_mac.yaml": base_config()}.get)
    assert finding(with_base, "config").verdict is Verdict.MAPPED
    assert finding(with_base, "worker.actor.model.model_path").sets["agent.version"] == "1.0"
    assert any("behind the backslash" in note for note in with_base.notes)


def test_a_models_own_code_runs_only_if_somebody_writes_it() -> None:
    bare = import_verl(SUBSET32.replace("    config=examples/config.yaml \\\n", ""))
    row = finding(bare, "worker.actor.model.trust_remote_code")
    assert row.value is True and row.verdict is Verdict.ADAPTED and not row.sets
    asked = with_words("worker.actor.model.trust_remote_code=true")
    assert asked.ready().model.trust_remote_code is True


def test_a_frozen_vision_tower_is_frozen_here_too() -> None:
    imported = with_words("worker.actor.model.freeze_vision_tower=true")
    assert finding(imported, "worker.actor.model.freeze_vision_tower").verdict is Verdict.MAPPED
    assert imported.ready().model.freeze_vision
    assert not import_verl(FULL128).ready().model.freeze_vision


def test_lora_of_easyr1_is_lora_here() -> None:
    imported = with_words(
        "worker.actor.model.lora.rank=32",
        "worker.actor.model.lora.alpha=16",
        "worker.actor.model.lora.target_modules=q_proj,v_proj",
        "worker.actor.model.lora.exclude_modules=.*visual.*",
    )
    model = imported.ready().model
    assert (model.lora.rank, model.lora.alpha, model.lora.targets) == (32, 16.0, ("q_proj", "v_proj"))
    assert model.freeze_vision


def test_a_rank_alone_has_the_alpha_that_easyr1_gives_it() -> None:
    lora = with_words("worker.actor.model.lora.rank=8").ready().model.lora
    assert (lora.alpha, lora.targets) == (64.0, ("all-linear",))


def test_lora_words_without_a_rank_change_nothing() -> None:
    imported = with_words("worker.actor.model.lora.alpha=16", "worker.actor.model.lora.exclude_modules=.*head.*")
    assert imported.ready().model.lora.rank == 0
    assert finding(imported, "worker.actor.model.lora.alpha").note == "LoRA is off (rank 0)"


def test_layers_that_cannot_be_left_out_are_refused() -> None:
    imported = with_words("worker.actor.model.lora.rank=8", "worker.actor.model.lora.exclude_modules=.*head.*")
    row = finding(imported, "worker.actor.model.lora.exclude_modules")
    assert row.verdict is Verdict.REFUSED
    assert "name the layers to train" in row.note


def test_the_published_loggers_become_mirrors_under_the_published_names() -> None:
    imported = with_words("trainer.project_name=gui", "trainer.experiment_name=subset32")
    records = imported.ready().records
    assert (records.mirrors, records.metric_names, records.project) == (("console", "wandb"), "arpo", "gui")
    assert imported.ready().title == "subset32"
    for key in ("trainer.project_name", "trainer.experiment_name"):
        assert finding(imported, key).verdict is Verdict.MAPPED
    every = with_words("trainer.logger=[mlflow,tensorboard,wandb,console,wandb]")
    assert finding(every, "trainer.logger").verdict is Verdict.MAPPED
    assert every.ready().records.mirrors == ("mlflow", "tensorboard", "wandb", "console")


def test_a_logger_without_a_mirror_is_told_of_with_what_to_use_instead() -> None:
    imported = with_words("trainer.logger=[console,swanlab,file]")
    row = finding(imported, "trainer.logger")
    assert row.verdict is Verdict.ADAPTED
    assert "use tensorboard or wandb" in row.note and "events.jsonl" in row.note
    assert imported.ready().records.mirrors == ("console",)


def test_one_logger_may_stand_without_a_list_and_none_is_none() -> None:
    assert with_words("trainer.logger=tensorboard").ready().records.mirrors == ("tensorboard",)
    none = with_words("trainer.logger=[]").ready().records
    assert (none.mirrors, none.metric_names) == ((), "ours")


def test_a_name_that_is_too_long_is_cut_and_says_so() -> None:
    imported = with_words(f"trainer.project_name={'p' * 200}", f"trainer.experiment_name={'e' * 200}")
    assert (imported.ready().records.project, imported.ready().title) == ("p" * 120, "e" * 120)
    assert finding(imported, "trainer.project_name").verdict is Verdict.ADAPTED

"""What a script says of vLLM, as engines of ours and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from arpo_engine.contract.config.generators import HfGeneratorConfig, VllmGeneratorConfig
from arpo_engine.contract.config.verl import import_verl
from arpo_engine.contract.config.verl.writing import write_verl

SUBSET32 = (Path("tests/data/verl") / "subset32.sh").read_text(encoding="utf-8")
FULL128 = (Path("tests/data/verl") / "full128.sh").read_text(encoding="utf-8")


def test_an_engine_stands_on_each_gpu_and_sleeps_while_the_policy_learns() -> None:
    generator = import_verl(SUBSET32).ready().generator
    assert isinstance(generator, VllmGeneratorConfig)
    assert (generator.replicas, generator.tensor_parallel, generator.sleep) == (8, 1, True)
    assert (generator.memory_share, generator.eager, generator.max_new_tokens) == (0.6, False, 8192)


def test_gpus_that_share_an_engine_make_fewer_engines() -> None:
    words = ["worker.rollout.tensor_parallel_size=4", "worker.rollout.enforce_eager=true"]
    generator = import_verl(SUBSET32, words=words).ready().generator
    assert isinstance(generator, VllmGeneratorConfig)
    assert (generator.replicas, generator.tensor_parallel, generator.eager) == (2, 4, True)


def test_engines_stand_on_the_node_of_the_run_only_which_is_said() -> None:
    imported = import_verl(FULL128)
    (sampler,) = [finding for finding in imported.findings if finding.key == "worker.rollout.name"]
    assert sampler.sets["generator.replicas"] == 8
    assert "those of 1 more only learn" in sampler.note and sampler.verdict == "adapted"


def test_the_small_policy_is_sampled_without_vllm() -> None:
    generator = import_verl(SUBSET32, words=["worker.actor.model.model_path=builtin:pocket"]).ready().generator
    assert isinstance(generator, HfGeneratorConfig) and generator.max_new_tokens == 8192


def test_whoever_has_no_vllm_chooses_another_generator_with_one_word() -> None:
    generator = import_verl(SUBSET32, words=["generator.kind=hf"]).ready().generator
    assert isinstance(generator, HfGeneratorConfig) and generator.max_new_tokens == 8192


def test_another_kind_of_desktop_keeps_what_both_have() -> None:
    desktops = import_verl(SUBSET32, words=["desktops.kind=docker", "desktops.memory_mb=3000"]).ready().desktops
    assert (desktops.kind, desktops.count) == ("docker", 16)


@pytest.mark.parametrize("share", ["0", "1", "60", "-0.5"])
def test_a_share_of_memory_that_is_none_is_refused(share: str) -> None:
    (refused,) = import_verl(SUBSET32, words=[f"worker.rollout.gpu_memory_utilization={share}"]).refused
    assert "write one between 0 and 1" in refused.note


def test_engines_are_written_back() -> None:
    imported = import_verl(SUBSET32, words=["worker.rollout.tensor_parallel_size=2"])
    words = dict(write_verl(imported.ready(), imported=imported).words)
    assert words["worker.rollout.tensor_parallel_size"] == 2
    assert words["worker.rollout.gpu_memory_utilization"] == 0.6

"""What real FSDP on two gloo ranks wrote is merged bit for bit; files that do not belong together are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.models.policy import Policy
from arpo_engine.models.shards.importing import import_shards
from tests.engine.models.shards.ranks import STEP

ROOT = Path(__file__).parents[4]


@cache
def original() -> Policy:
    """What the ranks saved."""
    return Policy.load("builtin:pocket")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranks")
    words = [sys.executable, "-m", "tests.engine.models.shards.ranks"]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([*words, str(rank), "2", str(folder)], cwd=ROOT, env=surroundings, stderr=subprocess.PIPE)
        for rank in range(2)
    ]
    told = [rank.communicate(timeout=600)[1].decode() for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], told
    return folder


def checkpoint(written: Path, kind: str) -> Path:
    return written / kind / f"global_step_{STEP}"


def copy_of(written: Path, kind: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint(written, kind), tmp_path / f"global_step_{STEP}"))


@pytest.mark.parametrize(
    ("kind", "dtype", "ranks"),
    [
        ("mesh", torch.bfloat16, 2),
        ("listed", torch.float32, 2),
        ("copies", torch.bfloat16, 2),
        ("single", torch.bfloat16, 1),
    ],
)
def test_weights_come_back_bit_for_bit_in_their_own_dtype(written, tmp_path, kind: str, dtype: torch.dtype, ranks: int):
    made = import_shards(checkpoint(written, kind), tmp_path / "model")
    assert (made.step, made.ranks, made.dtypes) == (STEP, ranks, (str(dtype).removeprefix("torch."),))
    loaded = Policy.load(tmp_path / "model", dtype=made.dtypes[0]).module.state_dict()
    own = original().module.state_dict()
    assert set(loaded) == set(own)
    for name, value in own.items():
        assert loaded[name].dtype == dtype
        assert torch.equal(loaded[name], value.to(dtype)), name


def test_the_stock_classes_load_it_with_its_tokenizer(written, tmp_path):
    import_shards(checkpoint(written, "mesh") / "actor", tmp_path / "model")
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path / "model", dtype="auto")
    assert model.dtype == torch.bfloat16
    assert len(AutoTokenizer.from_pretrained(tmp_path / "model")) == len(original().tokenizer)


def test_a_tied_head_is_written_once(written, tmp_path):
    import_shards(checkpoint(written, "listed"), tmp_path / "model")
    assert "lm_head.weight" not in load_file(tmp_path / "model" / "model.safetensors")


def test_rounding_is_asked_for(written, tmp_path):
    made = import_shards(checkpoint(written, "listed"), tmp_path / "model", dtype=torch.bfloat16)
    assert made.dtypes == ("bfloat16",)
    loaded = Policy.load(tmp_path / "model", dtype="bfloat16").module.state_dict()
    assert all(torch.equal(loaded[name], value.bfloat16()) for name, value in original().module.state_dict().items())


def test_what_is_left_behind_is_said_with_its_reason(written, tmp_path):
    left = import_shards(checkpoint(written, "mesh"), tmp_path / "model").left_behind
    assert [line.partition(":")[0] for line in left] == [
        "optim_world_size_*.pt", "extra_state_world_size_*.pt", "dataloader.pt", "the replay buffer",
    ]  # fmt: skip


def test_a_missing_rank_is_named(written, tmp_path):
    folder = copy_of(written, "mesh", tmp_path)
    (folder / "actor" / "model_world_size_2_rank_1.pt").unlink()
    with pytest.raises(CheckpointError, match=r"lacks the weights of rank 1 of 2.*copy them into one folder"):
        import_shards(folder, tmp_path / "model")


def test_ranks_of_different_runs_are_refused(written, tmp_path):
    folder = copy_of(written, "copies", tmp_path)
    other = checkpoint(written, "listed") / "actor" / "model_world_size_2_rank_1.pt"
    shutil.copyfile(other, folder / "actor" / "model_world_size_2_rank_1.pt")
    with pytest.raises(CheckpointError, match=r"files are of different runs, copy all of one checkpoint again"):
        import_shards(folder, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_files_of_two_numbers_of_ranks_are_refused(written, tmp_path):
    folder = copy_of(written, "copies", tmp_path)
    one = checkpoint(written, "single") / "actor" / "model_world_size_1_rank_0.pt"
    shutil.copyfile(one, folder / "actor" / one.name)
    with pytest.raises(CheckpointError, match=r"runs on 1 and on 2 ranks"):
        import_shards(folder, tmp_path / "model")


def test_ranks_whose_schedules_stand_at_different_steps_are_refused(written, tmp_path):
    folder = copy_of(written, "mesh", tmp_path)
    path = folder / "actor" / "extra_state_world_size_2_rank_1.pt"
    state = torch.load(path, weights_only=False)
    state["lr_scheduler"]["last_epoch"] = STEP + 8
    torch.save(state, path)
    with pytest.raises(
        CheckpointError, match=rf"different steps, by their schedules: .*rank_0\.pt at {STEP}, .* at 15"
    ):
        import_shards(folder, tmp_path / "model")


def test_copies_that_differ_are_of_different_steps(written, tmp_path):
    folder = copy_of(written, "copies", tmp_path)
    path = folder / "actor" / "model_world_size_2_rank_1.pt"
    state = torch.load(path, weights_only=False)
    next(iter(state.values())).view(-1)[0] += 1
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"every rank holds a whole .*, and they differ; .*different steps"):
        import_shards(folder, tmp_path / "model")


def test_pieces_that_do_not_add_up_are_refused(written, tmp_path):
    folder = copy_of(written, "mesh", tmp_path)
    path = folder / "actor" / "model_world_size_2_rank_1.pt"
    state = torch.load(path, weights_only=False)
    name, value = next(iter(state.items()))
    value._local_tensor = value._local_tensor[:-1].clone()
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=rf"pieces of {name} do not add up to"):
        import_shards(folder, tmp_path / "model")

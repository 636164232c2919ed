"""A checkpoint from a stranger executes nothing, and one that cannot be used is refused with the cure."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.errors import CheckpointError
from arpo_engine.models.policy import Policy
from arpo_engine.models.shards import inert, writing
from arpo_engine.models.shards.importing import import_shards
from tests.engine.models.shards.checkpoints import one_rank, weights
from tests.engine.policies import shared_policy


class Hostile:
    """Makes a file when it is unpickled by anybody who executes what pickles say."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._mark}",)


def test_a_pickle_with_code_executes_nothing(tmp_path):
    mark = tmp_path / "executed"
    folder = one_rank(tmp_path, {**weights(), "evil": Hostile(mark)})
    with pytest.raises(CheckpointError, match=r"holds more than data .*posix.*; nothing of it was executed"):
        import_shards(folder, tmp_path / "model")
    assert not mark.exists()
    assert not (tmp_path / "model").exists()
    torch.load(folder / "actor" / "model_world_size_1_rank_0.pt", weights_only=False)
    assert mark.exists(), "the file was no trap at all"


def test_a_trap_in_the_schedule_executes_nothing_either(tmp_path):
    mark = tmp_path / "executed"
    folder = one_rank(tmp_path)
    torch.save({"lr_scheduler": Hostile(mark)}, folder / "actor" / "extra_state_world_size_1_rank_0.pt")
    with pytest.raises(CheckpointError, match=r"extra_state.* holds more than data"):
        import_shards(folder, tmp_path / "model")
    assert not mark.exists()


def test_a_bare_pickle_is_not_even_opened(tmp_path):
    mark = tmp_path / "executed"
    folder = one_rank(tmp_path)
    (folder / "actor" / "model_world_size_1_rank_0.pt").write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(CheckpointError, match=r"is no file of torch\.save, or a torn one"):
        import_shards(folder, tmp_path / "model")
    assert not mark.exists()


def saying(path: Path, name: str) -> Path:
    """A file of torch.save whose one value is `name("abc", "upper")`."""
    module, _, function = name.rpartition(".")
    with zipfile.ZipFile(path, "w") as archive:
        value, first, second = (b"X" + struct.pack("<I", len(word)) + word for word in (b"value", b"abc", b"upper"))
        asked = f"c{module}\n{function}\n".encode() + b"(" + first + second + b"tR"
        archive.writestr("archive/data.pkl", b"\x80\x02}" + value + asked + b"s.")
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
    return path


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("torch.distributed.device_mesh.DeviceMesh", inert.WEIGHTS),
        ("numpy.core.multiarray._reconstruct", inert.EXTRA_STATE),
    ],
)
def test_what_honest_files_must_say_is_noted_and_not_done(tmp_path, name: str, names: list[Any]):
    value = inert.read(saying(tmp_path / "file.pt", name), names=names)["value"]
    assert type(value) is inert.Record
    assert value.given == ("abc", "upper")


def test_no_attribute_is_ever_got(tmp_path):
    value = inert.read(saying(tmp_path / "file.pt", "builtins.getattr"), names=inert.WEIGHTS)["value"]
    assert value is inert.Record


@pytest.mark.parametrize("name", ["builtins.eval", "builtins.getattr", "subprocess.run", "numpy.load"])
def test_what_they_need_not_say_is_refused(tmp_path, name: str):
    word = name.rpartition(".")[2]
    with pytest.raises(
        CheckpointError, match=rf"holds more than data \(.*GLOBAL .*{word}\); nothing of it was executed"
    ):
        inert.read(saying(tmp_path / "file.pt", name), names=inert.EXTRA_STATE)


def test_what_other_libraries_allowed_is_neither_used_nor_lost(tmp_path):
    mark = tmp_path / "executed"
    folder = one_rank(tmp_path, {**weights(), "evil": Hostile(mark)})
    before = torch.serialization.get_safe_globals()
    torch.serialization.add_safe_globals([os.system])
    try:
        with pytest.raises(CheckpointError, match="holds more than data"):
            import_shards(folder, tmp_path / "model")
        assert os.system in torch.serialization.get_safe_globals()
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)
    assert not mark.exists()


def test_a_torn_file_is_named(tmp_path):
    folder = one_rank(tmp_path)
    path = folder / "actor" / "model_world_size_1_rank_0.pt"
    path.write_bytes(path.read_bytes()[:10_000])
    with pytest.raises(CheckpointError, match=r"rank_0\.pt is no file of torch\.save, or a torn one.*copy it again"):
        import_shards(folder, tmp_path / "model")


@pytest.mark.parametrize("tree", [[1, 2], {1: torch.zeros(1)}])
def test_other_files_of_torch_are_no_weights(tmp_path, tree: Any):
    with pytest.raises(CheckpointError, match="no weights by name"):
        import_shards(one_rank(tmp_path, tree), tmp_path / "model")


def test_a_value_that_is_no_tensor_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="odd is a str, no tensor"):
        import_shards(one_rank(tmp_path, {**weights(), "odd": "word"}), tmp_path / "model")


def test_without_config_and_tokenizer_the_cure_is_said_and_works(tmp_path):
    folder = one_rank(tmp_path, settings=False)
    with pytest.raises(CheckpointError, match=r"huggingface.* has no config\.json; give --config FOLDER"):
        import_shards(folder, tmp_path / "model")
    shared_policy().save(tmp_path / "base")
    made = import_shards(folder, tmp_path / "model", config=tmp_path / "base")
    assert made.dtypes == ("bfloat16",)
    with pytest.raises(CheckpointError, match=r"--config .*nowhere has no config\.json"):
        import_shards(folder, tmp_path / "other", config=tmp_path / "nowhere")


def test_weights_of_another_model_are_refused(tmp_path):
    lacking = {name: value for name, value in weights().items() if "layers.1." not in name}
    with pytest.raises(CheckpointError, match=r"not of the model that .* describes: it lacks .*layers\.1\."):
        import_shards(one_rank(tmp_path / "a", lacking), tmp_path / "model")
    critic = {**weights(), "score.weight": torch.zeros(1, 64)}
    with pytest.raises(CheckpointError, match=r"it has score\.weight, which that model has not"):
        import_shards(one_rank(tmp_path / "b", critic), tmp_path / "model")
    name = "model.language_model.norm.weight"
    with pytest.raises(CheckpointError, match=r"norm\.weight has the shape \(32,\).*describes \(64,\)"):
        import_shards(one_rank(tmp_path / "c", {**weights(), name: torch.zeros(32)}), tmp_path / "model")


def test_an_adapter_is_sent_to_the_merger_that_knows_it(tmp_path):
    tree = {**weights(), "base_model.model.q_proj.lora_A.default.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"LoRA adapter.*model_merger\.py"):
        import_shards(one_rank(tmp_path, tree), tmp_path / "model")


def test_a_head_that_should_be_tied_and_is_not_is_refused(tmp_path):
    tree = weights()
    tree["lm_head.weight"] = tree["lm_head.weight"] + 1
    with pytest.raises(CheckpointError, match=r"ties lm_head\.weight to .*and they differ"):
        import_shards(one_rank(tmp_path, tree), tmp_path / "model")


def test_nothing_is_overwritten(tmp_path):
    folder = one_rank(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "thesis.txt").write_text("years")
    with pytest.raises(CheckpointError, match="is there already, and nothing is overwritten"):
        import_shards(folder, tmp_path / "model")
    assert (tmp_path / "model" / "thesis.txt").read_text() == "years"


def test_a_folder_of_checkpoints_asks_which(tmp_path):
    one_rank(tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoints of steps 7; name one of them, such as .*global_step_7"):
        import_shards(tmp_path, tmp_path / "model")
    with pytest.raises(CheckpointError, match="there is no folder"):
        import_shards(tmp_path / "nowhere", tmp_path / "model")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match=r"holds no model_world_size_W_rank_R\.pt"):
        import_shards(tmp_path / "empty", tmp_path / "model")


def test_a_disk_that_refuses_leaves_nothing_behind(tmp_path):
    folder = one_rank(tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CheckpointError, match=r"cannot be written .*; make room, or give another folder"):
        import_shards(folder, tmp_path / "file" / "model")


def test_large_models_are_written_in_files_with_an_index(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "FILE_BYTES", 50_000)
    told: list[str] = []
    import_shards(one_rank(tmp_path), tmp_path / "model", tell=told.append)
    files = sorted(path.name for path in (tmp_path / "model").glob("*.safetensors"))
    assert files[0] == f"model-00001-of-{len(files):05d}.safetensors"
    assert len(files) > 2
    assert len(told) == len(files) + 1
    loaded = Policy.load(tmp_path / "model", dtype="bfloat16").module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in weights().items())

"""`import-checkpoint` at the command line, and the places that send a person to it."""

from __future__ import annotations

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.errors import ModelError
from arpo_engine.models.folder import locate
from tests.engine.models.shards.checkpoints import one_rank, weights


def test_it_says_what_it_made_and_what_cannot_be_resumed(tmp_path, capsys):
    folder, out = one_rank(tmp_path), tmp_path / "model"
    assert main(["import-checkpoint", str(folder), "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert " million in bfloat16, merged from 1 rank\n" in told
    assert f"{out}: the weights of step 7, " in told
    assert "does not resume that training" in told
    assert "the replay buffer: the published code never saved it" in told
    assert told.endswith(f"Train from it with model.path={out}\n")
    assert locate(str(out)) == out


def test_it_may_round(tmp_path, capsys):
    single = {name: value.float() for name, value in weights().items()}
    folder = one_rank(tmp_path, single)
    assert main(["import-checkpoint", str(folder), "--out", str(tmp_path / "model"), "--dtype", "bfloat16"]) == 0
    assert "million in bfloat16" in capsys.readouterr().out


def test_a_model_without_a_fast_tokenizer_is_for_others(tmp_path, capsys):
    folder = one_rank(tmp_path)
    (folder / "actor" / "huggingface" / "tokenizer.json").unlink()
    assert main(["import-checkpoint", str(folder), "--out", str(tmp_path / "model")]) == 0
    assert "For transformers and vLLM only, since " in capsys.readouterr().out


def test_a_refusal_is_bad_input(tmp_path, capsys):
    assert main(["import-checkpoint", str(tmp_path / "nowhere"), "--out", str(tmp_path / "model")]) == 2
    assert "error: there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["", "global_step_7", "global_step_7/actor"])
def test_model_path_at_a_checkpoint_names_the_command(tmp_path, place: str):
    one_rank(tmp_path)
    with pytest.raises(ModelError, match=rf"python -m arpo_engine import-checkpoint {tmp_path / place} --out DIR"):
        locate(str(tmp_path / place))

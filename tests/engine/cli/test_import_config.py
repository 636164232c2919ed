"""`import-config` and `train --from`: a command of the published code at our own command line."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl import import_verl

SCRIPTS = Path("tests/data/verl")
SUBSET32 = SCRIPTS / "subset32.sh"
POCKET = """
NUM_ENVS=4
ROLLOUT_N=2
((ROLLOUT_BSZ = NUM_ENVS/ROLLOUT_N))
python3 -m verl.trainer.main \\
    config=examples/config.yaml \\
    data.train_files=configs/tasks/pocket/train.json data.val_files=configs/tasks/pocket/train.json \\
    data.max_prompt_length=64000 data.max_response_length=4 \\
    data.rollout_batch_size=$ROLLOUT_BSZ worker.actor.global_batch_size=1 \\
    worker.actor.model.model_path=builtin:pocket \\
    worker.rollout.n=$ROLLOUT_N worker.rollout.limit_images=8 \\
    algorithm.disable_kl=True env.num_envs=$NUM_ENVS env.max_steps=8 \\
    trainer.val_freq=-1 trainer.max_steps=1 trainer.experiment_name=from_a_script
"""


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["import-config", *words]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", ["subset32.sh", "full128.sh"])
def test_a_published_run_is_shown_whole(capsys: pytest.CaptureFixture[str], name: str):
    shown = printed(capsys, str(SCRIPTS / name))
    assert " mapped" in shown and "0 refused" in shown
    for part in ("worker.actor.global_batch_size", "Memory plan", "Desktop-hours: at least", "Screenshots: about"):
        assert part in shown
    assert "faults of the published code that would have hit this run" in shown
    assert "desktops.kind is `pocket`, which cannot do them" in shown
    assert "[bold]" not in shown


def test_defaults_that_nobody_wrote_are_counted_and_shown_on_request(capsys: pytest.CaptureFixture[str]):
    short, long = printed(capsys, str(SUBSET32)), printed(capsys, str(SUBSET32), "--all")
    assert "--all shows them" in short and "worker.critic.optim.lr" not in short
    assert "worker.critic.optim.lr" in long and "--all shows them" not in long


def test_a_refused_key_is_shown_and_makes_the_exit_code_2(capsys: pytest.CaptureFixture[str]):
    assert main(["import-config", str(SUBSET32), "algorithm.adv_estimator=gae"]) == 2
    shown = capsys.readouterr().out
    assert "1 refused" in shown and "refused  algorithm.adv_estimator" in shown


def test_a_program_gets_the_same_answer_as_json(capsys: pytest.CaptureFixture[str]):
    answer = json.loads(printed(capsys, str(SUBSET32), "--json"))
    assert answer["counts"]["refused"] == 0
    assert len(answer["keys"]) == sum(answer["counts"].values())
    assert answer["plan"]["rollouts"] == 3840
    assert answer["config"]["rollout"]["group_size"] == 8


def test_json_stays_one_object_whatever_else_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    mine = tmp_path / "mine.yaml"
    words = [str(SUBSET32), "optimizer.eps=1e-6", "--json", "--back", "--write", str(mine)]
    answer = json.loads(printed(capsys, *words))
    assert mine.is_file()
    assert answer["back"]["text"].startswith("python3 -m verl.trainer.main")
    assert [line.partition(":")[0] for line in answer["back"]["not_said"]] == ["optimizer.eps=1e-06"]
    ours = json.loads(printed(capsys, "configs/pocket_demo.yaml", "--json", "--back"))
    assert list(ours) == ["back"]


def test_what_back_prints_can_be_saved_as_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["import-config", str(SUBSET32), "--back", "--write", str(tmp_path / "mine.yaml")]) == 0
    told = capsys.readouterr()
    assert import_verl(told.out).ready() == import_verl(SUBSET32.read_text()).ready()
    assert told.err == f"wrote {tmp_path / 'mine.yaml'}\n"


def test_our_yaml_is_written_and_loads_as_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    printed(capsys, str(SUBSET32), "--write", str(tmp_path / "mine.yaml"))
    assert load_config(tmp_path / "mine.yaml") == import_verl(SUBSET32.read_text()).ready()


def test_a_yaml_that_cannot_be_written_says_where(capsys: pytest.CaptureFixture[str]):
    assert main(["import-config", str(SUBSET32), "--write", "/no/such/folder/x.yaml"]) == 2
    assert "give another file with --write" in capsys.readouterr().err


def test_back_prints_a_command_that_means_the_same(capsys: pytest.CaptureFixture[str]):
    command = printed(capsys, str(SUBSET32), "--back", "--spelling", "easyr1")
    assert command.startswith("python3 -m verl.trainer.main")
    assert "trainer.total_epochs=15" in command
    assert import_verl(command).ready() == import_verl(SUBSET32.read_text()).ready()


def test_our_own_yaml_goes_back_and_nowhere_else(capsys: pytest.CaptureFixture[str]):
    command = printed(capsys, "configs/pocket_demo.yaml", "--back")
    assert "worker.rollout.n=8" in command and "# not said:" in command
    assert main(["import-config", "configs/pocket_demo.yaml"]) == 2
    assert "is a config of ours already" in capsys.readouterr().err


def test_a_base_config_in_the_folder_above_the_script_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "config.yaml").write_text("data: {seed: 41}")
    (tmp_path / "examples" / "run.sh").write_text(SUBSET32.read_text())
    assert "seed = 41" in printed(capsys, str(tmp_path / "examples" / "run.sh"))


def test_a_command_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr("sys.stdin", io.StringIO(SUBSET32.read_text()))
    assert "0 refused" in printed(capsys, "-")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no script"), (b"\xff\xfe\x00", "give a text file"), (b"rm -rf /", "nothing of it was executed")],
)
def test_a_file_that_is_no_script_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
):
    path = tmp_path / "x.sh"
    if content is not None:
        path.write_bytes(content)
    assert main(["import-config", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_a_script_is_trained_as_it_is(tmp_path: Path):
    (tmp_path / "run.sh").write_text(POCKET)
    run_dir = tmp_path / "run"
    words = ["agent.prompt=short", "frames.sample_every=4", "--run-dir", str(run_dir), "--quiet"]
    assert main(["train", "--from", str(tmp_path / "run.sh"), *words]) == 0
    config = json.loads((run_dir / "config.json").read_text())
    assert config["title"] == "from_a_script"
    assert (config["rollout"]["tasks_per_step"], config["rollout"]["group_size"]) == (2, 2)
    assert '"kind":"RunEnded"' in (run_dir / "events.jsonl").read_text().replace(" ", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "is imported, but cannot start here"),
        (["algorithm.adv_estimator=gae"], "algorithm.adv_estimator: gae needs a critic"),
    ],
)
def test_a_script_that_cannot_start_leaves_no_run_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
):
    assert main(["train", "--from", str(SUBSET32), *words, "--run-dir", str(tmp_path / "run"), "--quiet"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_has_one_source(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["train", "--from", str(SUBSET32), "--config", "configs/pocket_demo.yaml"])
    assert "not allowed with" in capsys.readouterr().err

"""Numbers by step, from a run folder, from the logs of older trainers and from W&B's exports; nothing is executed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from arpo_engine.contract.config import parse_config
from arpo_engine.contract.curves import read_curves
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.events import Envelope, Event, MetricsLogged, Provenance, RunStarted
from arpo_engine.runtime.mirrors.console import ConsoleTracker

PUBLISHED_CONSOLE = """\
(Runner pid=71) reset_time:  12.5
(Runner pid=71) Step 1
(Runner pid=71) actor:
(Runner pid=71)   entropy_loss: &id002 !!python/object/apply:numpy.core.multiarray.scalar
(Runner pid=71)   - &id001 !!python/object/apply:numpy.dtype
(Runner pid=71)     args:
(Runner pid=71)     - f8
(Runner pid=71)     state: !!python/tuple
(Runner pid=71)     - 3
(Runner pid=71)   - !!binary |
(Runner pid=71)     AAAAAAAA2D8=
(Runner pid=71)   lr: 1.0e-06
(Runner pid=71)   ppo_kl: !!python/object/apply:numpy.core.multiarray.scalar
(Runner pid=71)   - *id001
(Runner pid=71)   - !!binary |
(Runner pid=71)     not base64
(Runner pid=71) critic:
(Runner pid=71)   score:
(Runner pid=71)     mean: 0.5
(Runner pid=71) pg_loss: 0.25
(Runner pid=71) Step 2
(Runner pid=71) actor:
(Runner pid=71)   lr: 2.0e-06
(Runner pid=71) config:
(Runner pid=71)   lr: 3.0
"""


def run_folder(folder: Path, *events: Event) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(parse_config({}).model_dump(mode="json")))
    lines = [
        Envelope(attempt=1, seq=seq, at="2026-11-01T00:00:00Z", event=event).model_dump_json()
        for seq, event in enumerate(events, start=1)
    ]
    (folder / "events.jsonl").write_text("\n".join([*lines, ""]))
    return folder


def began(resumed_from: int | None) -> RunStarted:
    provenance = Provenance(config_hash="", seed=0)
    return RunStarted(run_kind="train", total_steps=3, resumed_from_step=resumed_from, provenance=provenance)


def logged(step: int, reward: float) -> MetricsLogged:
    return MetricsLogged(step=step, values={"batch/reward": reward, "train/loss": None})


def test_a_run_folders_numbers_have_the_published_names_if_asked(tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path / "run", began(None), logged(1, 0.25), MetricsLogged(step=1, values={"validation/train_score": 0.5})
    )
    (theirs,) = read_curves(folder, "arpo")
    assert theirs.run == "run"
    assert theirs.steps[1]["critic/score/mean"] == 0.25 and theirs.steps[1]["val/reward_score"] == 0.5
    (ours,) = read_curves(folder, "ours")
    assert ours.steps == {1: {"batch/reward": 0.25, "validation/train_score": 0.5}}


def test_steps_that_a_resumed_attempt_did_again_count_once(tmp_path: Path) -> None:
    folder = run_folder(
        tmp_path / "run", began(None), logged(1, 0.1), logged(2, 0.2), logged(3, 0.3), began(1), logged(2, 0.9)
    )
    (curves,) = read_curves(folder, "ours")
    assert curves.steps == {1: {"batch/reward": 0.1}, 2: {"batch/reward": 0.9}}


def test_verls_line_is_read_from_a_log_with_everything_else_in_it(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        "Loading checkpoint shards: 100%\n"
        "\x1b[36m(main_task pid=12)\x1b[0m step:1 - actor/pg_loss:-0.002 - critic/score/mean:np.float64(0.5)\n"
        "step:2 - actor/pg_loss:nan - val-core/x/mean@8:0.25 - critic/score/mean:0.75\n"
    )
    (curves,) = read_curves(log, "arpo")
    assert curves.run == "train"
    assert curves.steps == {
        1: {"actor/pg_loss": -0.002, "critic/score/mean": 0.5},
        2: {"val-core/x/mean@8": 0.25, "critic/score/mean": 0.75},
    }


def test_the_published_consoles_yaml_is_read_with_numpys_numbers_in_it(tmp_path: Path) -> None:
    log = tmp_path / "arpo.out"
    log.write_text(PUBLISHED_CONSOLE)
    (curves,) = read_curves(log, "arpo")
    assert curves.steps == {
        1: {"actor/entropy_loss": 0.375, "actor/lr": 1e-06, "critic/score/mean": 0.5},
        2: {"actor/lr": 2e-06},
    }


def test_what_yaml_really_makes_of_numpys_numbers_is_read(tmp_path: Path) -> None:
    metrics = {"actor": {"pg_loss": np.mean([0.25, 0.5]), "lr": 1e-6}, "critic": {"score": {"mean": np.float64(-0.5)}}}
    log = tmp_path / "arpo.out"
    log.write_text(f"Step 7\n{yaml.dump(metrics, indent=2)}\n")
    (curves,) = read_curves(log, "arpo")
    assert curves.steps == {7: {"actor/pg_loss": 0.375, "actor/lr": 1e-06, "critic/score/mean": -0.5}}


def test_a_charts_export_holds_a_run_in_each_column(tmp_path: Path) -> None:
    export = tmp_path / "wandb_export.csv"
    export.write_text(
        '"Step","old - critic/score/mean","old - critic/score/mean__MIN","old - critic/score/mean__MAX",'
        '"new - critic/score/mean"\n"1","0.25","0.25","0.25",""\n"2","0.5","0.5","0.5","0.75"\n'
    )
    old, new = read_curves(export, "arpo")
    assert (old.run, old.steps) == ("old", {1: {"critic/score/mean": 0.25}, 2: {"critic/score/mean": 0.5}})
    assert (new.run, new.steps) == ("new", {2: {"critic/score/mean": 0.75}})


def test_a_history_and_a_jsonl_log_are_read_too(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    history.write_text("_step,_runtime,actor/lr\n3,12.5,1e-06\nNaN,1,1\n")
    assert read_curves(history, "arpo")[0].steps == {3: {"actor/lr": 1e-06}}
    log = tmp_path / "experiment_log.jsonl"
    log.write_text('{"step": 4, "actor": {"lr": 1e-06, "note": "x"}, "val/reward_score": 0.5}\n{torn\n')
    assert read_curves(log, "arpo")[0].steps == {4: {"actor/lr": 1e-06, "val/reward_score": 0.5}}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.log", b""),
        ("binary.bin", b"\x00\xff" * 1000),
        ("none.csv", b"time,value\n1,2\n"),
        ("deep.jsonl", b'{"step":' + b"[" * 100_000 + b"\n"),
        ("wide.csv", b"Step,a\n1," + b"9" * 200_000 + b"\n"),
        ("pickle.log", b"Step 1\nactor:\n  lr: !!python/object/apply:os.system ['touch hacked']\n"),
    ],
)
def test_what_holds_no_numbers_is_refused_with_what_to_give(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match="give a run folder"):
        read_curves(tmp_path / name, "arpo")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_that_is_not_there_and_a_folder_that_is_no_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_curves(tmp_path / "absent.log", "arpo")
    with pytest.raises(ConfigError, match=r"config\.json"):
        read_curves(tmp_path, "arpo")


def test_a_line_of_the_spool_that_rotted_is_named(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", began(None), logged(1, 0.1))
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"MetricsLogged": rotten\n')
    with pytest.raises(ConfigError, match="has a line that is no event"):
        read_curves(folder, "ours")


def test_the_line_that_our_console_prints_is_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = {"critic/score/mean": 0.25, "actor/lr": 1e-06, "perf/total_num_tokens": 123456.0}
    ConsoleTracker().log(3, numbers)
    log = tmp_path / "own.log"
    log.write_text(capsys.readouterr().out)
    assert read_curves(log, "arpo")[0].steps == {3: numbers}

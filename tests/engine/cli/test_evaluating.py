"""`evaluate` and `results` as a person types them: short ways, going on, tables, and places that hold nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.cli.task_words import task_settings
from arpo_engine.contract.errors import TaskError
from arpo_engine.contract.events import EpisodeStarted, RunStarted, ValidationFinished
from arpo_engine.contract.reporting import read_spool
from tests.engine.inference.chat_stub import ChatStub, Said, chat_stub, reply

WORDS = ["evaluation.attempts=2", "desktops.count=4", "generator.max_new_tokens=4", "--quiet"]


@pytest.fixture
def stub() -> Iterator[ChatStub]:
    with chat_stub() as running:
        yield running


def evaluate(run_dir: Path, *words: str, tasks: str = "held_out,open-file") -> int:
    return main(["evaluate", "--tasks", tasks, *WORDS, *words, "--run-dir", str(run_dir)])


def started(run_dir: Path, attempt: int) -> list[str]:
    return [
        line.event.task_id
        for line in read_spool(run_dir / "events.jsonl")
        if line.attempt == attempt and isinstance(line.event, EpisodeStarted)
    ]


def test_without_a_config_the_small_desktop_is_measured_and_a_second_start_finds_all_of_it(tmp_path, capsys):
    assert evaluate(tmp_path, "--model", "builtin:pocket") == 0
    first = capsys.readouterr().out
    assert "held_out 0/6" in first
    assert "95 % interval" in first
    assert "0.0% – 39.0%" in first
    assert len(started(tmp_path, 1)) == 6
    assert evaluate(tmp_path) == 0
    assert capsys.readouterr().out == first
    assert started(tmp_path, 2) == []


def test_a_measurement_that_goes_on_says_so_and_goes_on_in_the_same_run_of_its_trackers(tmp_path):
    mirrored = ["records.mirrors=[mlflow]", "records.project=arpo-tests"]
    evaluate(tmp_path, *mirrored)
    note = (tmp_path / "mirrors" / "mlflow.json").read_text()
    evaluate(tmp_path, *mirrored, "evaluation.attempts=2")
    begun = [line.event for line in read_spool(tmp_path / "events.jsonl") if isinstance(line.event, RunStarted)]
    assert [event.resumed_from_step for event in begun] == [None, 0]
    assert json.loads((tmp_path / "mirrors" / "mlflow.json").read_text())["run"] == json.loads(note)["run"]
    evaluate(tmp_path, *mirrored, "--no-resume")
    assert json.loads((tmp_path / "mirrors" / "mlflow.json").read_text())["run"] != json.loads(note)["run"]


def test_more_tries_are_added_to_those_that_are_there(tmp_path):
    evaluate(tmp_path)
    evaluate(tmp_path, "evaluation.attempts=3")
    assert len(started(tmp_path, 2)) == 3


def test_everything_is_tried_again_when_asked_and_the_old_attempts_are_kept(tmp_path):
    evaluate(tmp_path)
    evaluate(tmp_path, "--no-resume")
    assert len(started(tmp_path, 2)) == 6
    kept, fresh = (tmp_path / "results" / f"attempts_held_out{name}.jsonl" for name in (".before_2", ""))
    assert len(kept.read_text().splitlines()) == len(fresh.read_text().splitlines()) == 7


def test_tries_of_another_sampling_are_not_added(tmp_path, capsys):
    evaluate(tmp_path)
    assert evaluate(tmp_path, "evaluation.temperature=1.0") == 2
    assert "temperature = 0.5, and this run has 1.0; give another --run-dir" in capsys.readouterr().err


def test_a_server_is_measured_with_osworlds_folders_beside(tmp_path, capsys, stub: ChatStub):
    stub.script = lambda number, request: reply("Thought: no.\nAction: call_user()")
    words = ["evaluate", "--server", stub.url, "--tasks", "held_out,open-file*", "evaluation.osworld_layout=true"]
    code = main([*words, "desktops.count=4", "evaluation.attempts=1", "--run-dir", str(tmp_path), "--quiet"])
    assert code == 0
    assert "infeasible (apart)" in capsys.readouterr().out
    (told,) = [
        line.event for line in read_spool(tmp_path / "events.jsonl") if isinstance(line.event, ValidationFinished)
    ]
    assert (told.figures.feasible.success, told.figures.infeasible.success) == (0.0, 1.0)
    assert {request["model"] for request in stub.requests} == {"ui-tars"}
    assert main(["results", str(tmp_path / "results" / "osworld"), "--json"]) == 0
    heard = capsys.readouterr()
    read = json.loads(heard.out)["ui-tars"]
    assert (read["feasible"]["successes"], read["feasible"]["attempts"]) == (2, 8)
    assert "give --tasks with their task file" in heard.err
    assert (
        main(["results", str(tmp_path / "results" / "osworld"), "--tasks", "configs/tasks/pocket/held_out.json"]) == 0
    )
    table = capsys.readouterr().out
    assert "infeasible (apart)" in table
    assert "2/2" in table


def test_training_with_a_server_is_refused(capsys):
    code = main(["train", "--config", "configs/pocket_demo.yaml", "generator={kind: openai}"])
    assert code == 2
    assert "'openai' cannot be trained with" in capsys.readouterr().err


def test_a_signal_lets_running_attempts_end_and_the_rest_is_made_later(tmp_path, stub: ChatStub):
    hold = threading.Event()
    stub.script = lambda number, request: replace(reply("Thought: no.\nAction: call_user()"), hold=hold)
    words = ["evaluate", "--server", stub.url, "--tasks", "held_out", "desktops.count=2", "evaluation.tasks=6"]
    command = [sys.executable, "-m", "arpo_engine", *words, "evaluation.attempts=1", "--run-dir", str(tmp_path)]
    shell = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert stub.asked.wait(120)
    shell.send_signal(signal.SIGINT)
    for line in shell.stderr or ():
        if "once more stops at once" in line:
            break
    hold.set()
    said, _ = shell.communicate(timeout=120)
    assert shell.returncode == 0
    assert "stopped by SIGINT; every finished attempt is kept; " in said
    tried = len(started(tmp_path, 1))
    assert f"{6 - tried} are left for the same command in this run folder" in said
    assert main([*words, "evaluation.attempts=1", "--run-dir", str(tmp_path), "--quiet"]) == 0
    assert len(started(tmp_path, 2)) == 6 - tried > 0


def test_a_server_that_is_away_is_told_by_preflight_and_by_the_run(tmp_path, capsys):
    with chat_stub() as gone:
        pass
    words = ["kind=evaluate", f"generator={{kind: openai, base_urls: ['{gone.url}']}}"]
    assert main(["preflight", "--config", "configs/pocket_demo.yaml", *words, "--json"]) == 3
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert "cannot be reached" in checks["model"]["message"]
    assert evaluate(tmp_path, "--server", gone.url) == 2
    assert "start the server" in capsys.readouterr().err


def test_words_that_are_like_no_task_are_refused_with_what_there_is(tmp_path, capsys):
    assert evaluate(tmp_path, tasks="held_out,no-such-thing") == 2
    assert "none of the tasks (96 in held_out)" in capsys.readouterr().err


def test_the_tasks_may_be_a_file_a_folder_a_split_or_words(tmp_path):
    file = tmp_path / "test_small.json"
    file.write_text("[]")
    assert task_settings(str(file)) == [
        f'tasks.source="{tmp_path}"', 'tasks.train="test_small"', "tasks.held_out=null", "evaluation.split=train",
    ]  # fmt: skip
    assert task_settings(f"{tmp_path},chrome,vlc") == [
        f'tasks.source="{tmp_path}"', 'evaluation.select=["chrome", "vlc"]',
    ]  # fmt: skip
    assert task_settings("both") == ["evaluation.split=both"]


@pytest.mark.parametrize("text", ["", ",", "a/b,c/d", "train,both", "no/such/file.json"])
def test_tasks_that_are_none_are_refused(text: str):
    with pytest.raises(TaskError, match="--tasks"):
        task_settings(text)


def test_results_of_arpo_are_shown_by_step(tmp_path, capsys):
    for step, score in ((0, 0.0), (8, 1.0)):
        (tmp_path / f"eval_results_at_{step}.json").write_text(json.dumps({"t": score, "u": None}))
    assert main(["results", str(tmp_path)]) == 0
    heard = capsys.readouterr()
    assert heard.out.index("step 0 (") < heard.out.index("step 8 (")
    assert "the score of u is null" in heard.err


def test_a_half_written_folder_is_told_and_the_rest_is_shown(tmp_path, capsys):
    for name in ("done", "half"):
        folder = tmp_path / "m" / "os" / name
        folder.mkdir(parents=True)
        (folder / "traj.jsonl").write_text("")
    (tmp_path / "m" / "os" / "done" / "result.txt").write_text("1.0\n")
    assert main(["results", str(tmp_path / "m")]) == 0
    heard = capsys.readouterr()
    assert "1/1" in heard.out
    assert "not whole: " in heard.err
    assert "half has no result.txt" in heard.err


def test_an_own_summary_that_was_cut_off_is_refused_with_the_cure(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "evaluation.json").write_text('{"splits": {"train"')
    assert main(["results", str(tmp_path)]) == 2
    assert "what is finished is not tried again" in capsys.readouterr().err


def test_a_run_that_kept_no_episodes_to_compare_says_how_to(tmp_path, capsys):
    assert main(["results", str(tmp_path), "--compare"]) == 2
    assert "validation.compare=4" in capsys.readouterr().err


def test_kept_episodes_are_shown_step_beside_step(tmp_path, capsys):
    for step, text, solved in ((0, "a", False), (20, "b", True)):
        folder = tmp_path / "results" / "compared" / "held_out" / f"step_{step:06d}"
        folder.mkdir(parents=True)
        kept = {
            "task_id": "t",
            "instruction": "Open it",
            "solved": solved,
            "ended_by": "finished",
            "turns": [{"text": text}],
        }
        (folder / "t.json").write_text(json.dumps(kept))
    assert main(["results", str(tmp_path), "--compare"]) == 0
    shown = capsys.readouterr().out
    assert "Open it" in shown
    assert "finished in 1" in shown
    assert "solved in 1, other from turn 1" in shown


def test_a_command_of_osworlds_runner_is_evaluated_as_it_is(tmp_path, capsys, stub: ChatStub):
    stub.script = lambda number, request: reply("Thought: no.\nAction: call_user()")
    host, port = stub.url.removesuffix("/v1").rsplit(":", 1)
    script = tmp_path / "evaluate.sh"
    script.write_text(
        f"python run_multienv_uitars.py --max_steps 2 --server_ip {host} --server_port {port} --temperature 0.6 \\\n"
        "  --test_all_meta_path configs/tasks/pocket/held_out.json --domain open-app --result_dir ./results\n"
    )
    assert main(["evaluate", "--from", str(script), "--run-dir", str(tmp_path / "run"), "--quiet"]) == 0
    heard = capsys.readouterr()
    assert "train 0/4 (0%)" in heard.out
    assert "--trial-id" not in heard.err
    assert "generator.max_new_tokens" in heard.err
    assert (stub.requests[0]["temperature"], stub.requests[0]["max_tokens"]) == (0.6, 1500)
    assert "## Action Space" in stub.requests[0]["messages"][1]["content"]
    assert main(["results", str(tmp_path / "run" / "results" / "osworld")]) == 0


def test_a_command_that_asks_for_what_is_not_here_is_refused_before_anything_starts(tmp_path, capsys):
    script = tmp_path / "evaluate.sh"
    script.write_text("python run_multienv_uitars.py --observation_type som --noise_type pop_ups")
    assert main(["evaluate", "--from", str(script), "--run-dir", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "--observation_type som: agents here see screenshots; use screenshot" in told
    assert "--noise_type pop_ups" in told
    assert not (tmp_path / "run").exists()


def runner_command(tmp_path: Path, *words: str) -> Path:
    script = tmp_path / "evaluate.sh"
    script.write_text(
        "python run_multienv_uitars.py --max_steps 2 --max_tokens 9 --model ui-tars --server_port 9 "
        f"--test_all_meta_path configs/tasks/pocket/held_out.json --domain open-app {' '.join(words)}\n"
    )
    return script


def test_what_the_command_line_says_instead_of_the_script_is_told_with_both_values(tmp_path, capsys, stub: ChatStub):
    stub.models = Said({"data": [{"id": "mine"}]})
    stub.script = lambda number, request: reply("Thought: no.\nAction: call_user()")
    words = ["--from", str(runner_command(tmp_path)), "--server", stub.url, "--model", "mine"]
    assert main(["evaluate", *words, "--run-dir", str(tmp_path / "run"), "--quiet"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "replaces" in line]
    assert told == [
        f"--server {stub.url} replaces the script's generator.base_urls = http://127.0.0.1:9/v1; "
        "--model mine replaces the script's generator.model = ui-tars"
    ]
    # What the script says besides stays.
    assert (stub.requests[0]["model"], stub.requests[0]["max_tokens"]) == ("mine", 9)


def test_a_model_of_ones_own_takes_the_place_of_the_scripts_servers(tmp_path, capsys):
    words = ["--from", str(runner_command(tmp_path)), "--model", "builtin:pocket", "desktops.count=1"]
    assert main(["evaluate", *words, "agent.prompt=short", "--run-dir", str(tmp_path / "run"), "--quiet"]) == 0
    heard = capsys.readouterr()
    assert "--model builtin:pocket is sampled here and replaces the script's generator.model = ui-tars" in heard.err
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["generator"]["kind"], config["generator"]["max_new_tokens"]) == ("hf", 9)


def test_a_script_alone_is_told_no_such_thing(tmp_path, capsys):
    script = runner_command(tmp_path, "--observation_type", "som")
    assert main(["evaluate", "--from", str(script), "--run-dir", str(tmp_path / "run")]) == 2
    assert "replaces" not in capsys.readouterr().err

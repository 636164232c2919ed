"""What people paste by mistake, and what they should not: each has a clear message, and nothing is executed or lost."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl import Verdict, import_verl
from arpo_engine.contract.config.verl.commands import looks_like_a_command
from arpo_engine.contract.config.yaml_text import MAX_CHARACTERS, read_yaml
from arpo_engine.contract.errors import ConfigError
from tests.contract.verl.scripts import SUBSET32, finding, with_words

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine levels of nine aliases: 400 bytes that are 400 million values."""


def test_a_yaml_bomb_is_counted_and_not_lit() -> None:
    begun = time.process_time()
    for read in (lambda: import_verl(BOMB), lambda: read_yaml(BOMB)):
        with pytest.raises(ConfigError, match="once its aliases are written out; a config has at most"):
            read()
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("text", ['title: "a\\0b"', 'title: "a\\ud800b"', '"a\\0": 1'])
def test_a_character_that_no_database_stores_is_named_with_its_line(text: str) -> None:
    with pytest.raises(ConfigError, match="line 1 holds a character that no text has"):
        read_yaml(text)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("worker.rollout.n={4,8}", "line 3: {4,8}: a shell makes several words of it"),
        ("data.train_files=lists/{a,b}.json", "line 3: {a,b}: a shell makes several words of it"),
        ("trainer.experiment_name=run_{1..3}", "line 3: {1..3}: a shell makes several words of it"),
        ("trainer.experiment_name=${MODEL%/*}", "line 3: ${MODEL%/*}: this kind of substitution is not read here"),
        ("data.seed=$(date +%s)", "line 3: $(date +%s): it stands for the output of a command"),
        ("data.seed=$SEED", "line 3: $SEED is not set in the script"),
    ],
)
def test_a_word_that_a_shell_would_make_more_of_is_refused_in_a_line_with_its_place(word: str, reason: str) -> None:
    key = word.partition("=")[0]
    imported = import_verl(f"# a script\npython3 -m verl.trainer.main config=examples/config.yaml \\\n    {word}\n")
    refused = next(finding for finding in imported.refused if finding.written == key)
    assert refused.note.startswith(reason)
    assert "\n" not in refused.note


def test_braces_in_quotes_or_in_an_assignment_are_no_expansion() -> None:
    text = "N={4,8}\npython3 -m verl.trainer.main config=examples/config.yaml trainer.experiment_name='{a,b}'"
    imported = import_verl(text)
    assert imported.reading.get("trainer.experiment_name") == "{a,b}"
    assert not any("several words" in finding.note for finding in imported.findings)


def test_a_value_that_is_no_yaml_is_told_in_one_line_with_its_key_and_place() -> None:
    with pytest.raises(ConfigError) as caught:
        with_words("env.num_envs={16")
    assert str(caught.value) == (
        "env.num_envs is not YAML: line 1, column 4: expected ',' or '}', but got '<stream end>'; mend it there"
    )


def test_a_yaml_bomb_in_our_own_config_or_in_a_value_is_none_either(tmp_path: Path) -> None:
    (tmp_path / "bomb.yaml").write_text(BOMB)
    with pytest.raises(ConfigError, match="aliases"):
        load_config(tmp_path / "bomb.yaml")
    lists = "[" * 2000
    assert with_words("data.seed=3").config is not None
    with pytest.raises(ConfigError, match=r"nested too deeply|not YAML"):
        with_words(f"trainer.logger={lists}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "holds itself through an alias"),
        ("[" * 2_000, "nested too deeply"),
        ("a: [1", "is not YAML"),
        ("a: !!python/object/apply:os.system ['true']", "is not YAML"),
        ("a: 2001-99-99", "cannot be read"),
        ("x" * (MAX_CHARACTERS + 1), "a config has at most"),
        ("just words", "holds no settings"),
        ("- a\n- b", "holds no settings"),
        ("", "holds no settings"),
        ("\x00", "not YAML"),
    ],
)
def test_a_text_that_is_no_config_says_why(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        import_verl(text)
    assert message in str(caught.value)


def test_thousands_of_keys_are_refused_soon() -> None:
    begun = time.process_time()
    for text in ("a: {" + ", ".join(f"k{n}: 1" for n in range(3_000)) + "}", "x" * 900 + ": 1"):
        with pytest.raises(ConfigError, match="give only its settings"):
            import_verl(text)
    commands = "python3 -m verl.trainer.main a.b=1\n" + "c\n" * 20_000
    import_verl(commands)
    with pytest.raises(ConfigError, match="give only its settings"):
        import_verl("python3 -m verl.trainer.main " + " ".join(f"worker.actor.clip_ratio{n}=1" for n in range(1_500)))
    assert time.process_time() - begun < 20


def test_a_command_whose_lines_were_joined_is_read() -> None:
    joined = " ".join(SUBSET32[SUBSET32.index("python3") :].splitlines()).replace("$TASKS", "x/test_all.json")
    joined = joined.replace("$ROLLOUT_BSZ", "2").replace("$ROLLOUT_N", "8").replace("$NUM_ENVS", "16")
    imported = import_verl(
        joined.replace("$NUM_GPUS", "8").replace("${MODEL_PATH}", "x").replace("${SYSTEM_PROMPT}", "")
    )
    assert imported.refused == ()
    assert imported.ready().rollout.group_size == 8
    assert any("inside a line" in note for note in imported.notes)


def test_aliases_in_measure_are_read() -> None:
    assert read_yaml("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}
    assert read_yaml("") is None


def test_a_script_with_rm_in_it_runs_nothing_and_reports_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*words: object, **more: object) -> None:
        raise AssertionError(f"something was executed: {words}")

    for module, name in ((os, "system"), (os, "popen"), (os, "execvp"), (subprocess, "Popen"), (subprocess, "run")):
        monkeypatch.setattr(module, name, forbidden)
    keep = tmp_path / "keep"
    keep.write_text("here")
    script = (
        f"rm -rf {tmp_path}; OUT=$(rm -rf {tmp_path})\n{SUBSET32.rstrip()} trainer.project_name=$OUT "
        f"data.seed=`rm -rf {tmp_path}` rm -rf {tmp_path} && rm -rf {tmp_path}\n"
    )
    imported = import_verl(script)
    assert keep.read_text() == "here"
    first, second = [line for line in imported.others if "rm -rf" in line]
    assert first.startswith("line 1: rm -rf") and second.startswith("line 40: rm -rf")
    assert {row.written for row in imported.refused} >= {
        "rm",
        "-rf",
        str(tmp_path),
        "data.seed",
        "trainer.project_name",
    }
    assert "nothing is executed" in finding(imported, "data.seed").note
    assert imported.config is None


def test_two_names_of_one_key_that_contradict_are_refused() -> None:
    row = finding(import_verl(f"{SUBSET32.rstrip()} trainer.total_epochs=3"), "trainer.total_epochs")
    assert row.verdict is Verdict.REFUSED
    assert row.note == "trainer.total_episodes is 15 and trainer.total_epochs is 3, two names of one key; keep one"


def test_two_names_of_one_key_that_agree_are_welcome() -> None:
    assert import_verl(f"{SUBSET32.rstrip()} trainer.total_epochs=15").ready().limits.steps == 240


def test_both_spellings_mean_the_same() -> None:
    later = SUBSET32.replace("trainer.total_episodes", "trainer.total_epochs").replace(
        "worker.actor.ulysses_sequence_parallel_size", "worker.actor.ulysses_size"
    )
    assert later != SUBSET32
    assert import_verl(later).ready() == import_verl(SUBSET32).ready()


def test_a_key_given_twice_counts_as_it_did_there_and_that_is_said() -> None:
    imported = import_verl(f"{SUBSET32.rstrip()} data.seed=5 data.seed=6")
    assert imported.ready().seed == 6
    assert "data.seed is given twice, 5 and 6; the last one counts, as there" in imported.notes


def test_the_command_line_wins_over_the_file_and_that_over_the_base() -> None:
    files = {"mine.yaml": "data: {seed: 7}\nworker: {rollout: {n: 4}}\ntrainer: {total_epochs: 2}"}
    script = SUBSET32.replace("examples/config.yaml", "mine.yaml").replace("trainer.total_episodes=15", "")
    config = import_verl(script, read_file=files.get).ready()
    assert (config.seed, config.rollout.group_size, config.limits.steps) == (7, 8, 32)


def test_settings_of_ours_that_contradict_are_told_with_the_key_that_brought_them() -> None:
    imported = with_words("worker.rollout.n=2", "data.rollout_batch_size=8", "worker.actor.clip_ratio_low=1.5")
    assert imported.config is None
    fields = dict(imported.problems)
    assert "algorithm.clip.low (from worker.actor.clip_ratio_low)" in fields
    with pytest.raises(ConfigError, match="use less than 1"):
        imported.ready()


def test_a_setting_of_ours_may_follow_and_wins() -> None:
    config = with_words("algorithm.replay.enabled=false", "agent.prompt=short", "title='By hand'").ready()
    assert config.algorithm.kind == "arpo" and not config.algorithm.replay.enabled
    assert (config.agent.prompt, config.title) == ("short", "By hand")


@pytest.mark.parametrize(
    ("word", "message"),
    [("nonsense", "write it as key=value"), ("rollout=3", "not a group of settings"), ("=3", "write it as key=value")],
)
def test_a_further_word_that_is_no_setting_says_so(word: str, message: str) -> None:
    if message.startswith("not a group"):
        with pytest.raises(ConfigError, match="rollout"):
            with_words(word).ready()
        return
    with pytest.raises(ConfigError, match=message):
        with_words(word)


def test_a_mapping_on_the_command_line_is_its_keys() -> None:
    imported = with_words("worker.rollout.val_override_config={temperature: 0.0, n: 2}")
    assert (imported.ready().validation.temperature, imported.ready().validation.attempts) == (0.0, 2)


def test_a_group_that_is_given_a_value_is_an_unknown_key() -> None:
    assert finding(with_words("worker.actor=3"), "worker.actor").verdict is Verdict.REFUSED


@pytest.mark.parametrize("key", ["trainer.nnodes", "trainer.n_gpus_per_node", "worker.rollout.tensor_parallel_size"])
@pytest.mark.parametrize("value", ["0", "auto", "null"])
def test_a_number_of_machines_that_is_none_is_refused_at_its_key(key: str, value: str) -> None:
    imported = import_verl(f"python3 -m verl.trainer.main config=examples/config.yaml {key}={value}")
    assert "whole number of 1 or more" in next(row.note for row in imported.findings if row.key == key)


def test_long_rows_of_digits_and_of_empty_lines_are_read_once() -> None:
    began = time.process_time()
    assert not looks_like_a_command("x" + "\n" * 200_000)
    with pytest.raises(ConfigError):
        import_verl(f"python3 -m verl.trainer.main trainer.nnodes={'1' * 100_000}x").ready()
    assert time.process_time() - began < 60, "twenty minutes when each was read again from every place"

"""Scripts are read as a shell would read them, as far as that needs nothing to run; nothing ever runs."""

from __future__ import annotations

import random
import time

import pytest

from arpo_engine.contract.config.verl import import_verl
from arpo_engine.contract.config.verl.arithmetic import ArithmeticProblem, calculate
from arpo_engine.contract.config.verl.commands import looks_like_a_command, read_command
from arpo_engine.contract.config.verl.shell import read_script
from arpo_engine.contract.errors import ConfigError


def words(script: str) -> list[list[str]]:
    return [[word.text for word in command.words] for command in read_script(script).commands]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("a b  c", [["a", "b", "c"]]),
        ("a \\\n  b", [["a", "b"]]),
        ("a 'b c' \"d e\"", [["a", "b c", "d e"]]),
        ('a """b c."""', [["a", "b c."]]),
        ("a b\\ c # not this", [["a", "b c"]]),
        ("a b#c", [["a", "b#c"]]),
        ("X=1; a $X ${X}2 '$X' \"$X\"", [["a", "1", "12", "$X", "1"]]),
        ("X='1 2'; a $X \"$X\"", [["a", "1", "2", "1 2"]]),
        ("a ${X:-7} ${X-8}", [["a", "7", "8"]]),
        ("X=3\n((Y = X * 2 + 1))\na $Y $((Y / 2)) $(( (Y - 1) ** 2 % 5 ))", [["a", "7", "3", "1"]]),
        ("A=(x=1 'y=2 3')\na \"${A[@]}\" z", [["a", "x=1", "y=2 3", "z"]]),
        ("X=a; X+=b; a $X", [["a", "ab"]]),
        ("export X=5\na $X", [["a", "5"]]),
        ("a b > log.txt 2>&1; c | d && e &", [["a", "b"], ["c"], ["d"], ["e"]]),
        ('a "$@" $*', [["a", ""]]),
        ("cat <<END\nrm -rf /\nEND\na", [["cat"], ["a"]]),
        ("a\r\nb\r\n", [["a"], ["b"]]),
        ("", []),
    ],
)
def test_a_script_becomes_the_words_of_its_commands(script: str, expected: list[list[str]]) -> None:
    assert words(script) == expected


def test_a_comment_behind_a_backslash_is_read_as_people_mean_it_and_said() -> None:
    script = read_script("a x=1 \\  # the key feature!\n  y=2")
    assert [word.text for word in script.commands[0].words] == ["a", "x=1", "y=2"]
    assert "line 1: blanks or a comment stand behind the backslash" in script.notes[0]


def test_conditions_are_not_decided_and_that_is_said() -> None:
    script = read_script("if [ -d x ]; then X=1; fi; a $X")
    assert [word.text for word in script.commands[-1].words] == ["a", "1"]
    assert any("'if' decides what runs" in note for note in script.notes)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("$(rm -rf /)", "nothing is executed"),
        ("`whoami`", "nothing is executed"),
        ("$NOWHERE", "$NOWHERE is not set in the script"),
        ("$1", "known only while a shell runs"),
        ("${X##*/}", "this kind of substitution is not read here"),
        ("$((1 / 0))", "divides by zero"),
        ("$((NOWHERE + 1))", "NOWHERE is not set in the script"),
        ("$((2 ** 64))", "beyond 64 bits"),
        ("$((1.5 * 2))", "whole"),
        ("$((__import__('os')))", "whole-number arithmetic"),
    ],
)
def test_what_cannot_be_known_is_a_problem_of_its_word(value: str, reason: str) -> None:
    ((_, word),) = read_command(f"python -m verl.trainer.main a.b={value}").settings
    assert reason in word.problem


def test_the_environment_of_this_process_is_never_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "hunter2")
    ((_, word),) = read_command("python -m verl.trainer.main a.b=$SECRET_OF_THE_HOST").settings
    assert word.text == "" and "is not set in the script" in word.problem


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("a 'b", "line 1: the quote ' is not closed"),
        ('a\nb "c', 'line 2: the quote " is not closed'),
        ("A=(x y", "line 1: the array A is not closed"),
        ("x" * 300_000, "paste at most"),
        ("a " + "b " * 6000, "more than 5000 words"),
    ],
)
def test_a_script_that_cannot_be_read_says_where(script: str, message: str) -> None:
    with pytest.raises(ConfigError, match=None) as caught:
        read_script(script)
    assert message in str(caught.value)


@pytest.mark.parametrize("step", ["A=$A$A", "A=(${A[@]} ${A[@]})", 'A="${A:-x}${A}"'])
def test_variables_that_double_each_other_end_soon(step: str) -> None:
    begun = time.process_time()
    with pytest.raises(ConfigError):
        read_script("A=xx\n" + f"{step}\n" * 60)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("opening", ["${A:-" * 5000, "$((" * 5000, "$(" * 5000, "((" * 5000, "`" * 5001, "\\" * 9999])
def test_deep_nesting_is_no_crash(opening: str) -> None:
    try:
        read_script(f"a {opening}")
    except ConfigError as error:
        assert "close" in str(error) or "grows" in str(error)


def test_arithmetic_is_a_grammar() -> None:
    assert calculate("0x10 + 010 - -2 * (3 + 4) / 3", lambda name: "0") == 16 + 8 + 4
    assert calculate("-7 / 2", lambda name: "0") == -3
    assert calculate("-7 % 2", lambda name: "0") == -1
    with pytest.raises(ArithmeticProblem, match="begins with 0"):
        calculate("09", lambda name: "0")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rm -rf /", "nothing of it was executed"),
        ("model=x\nfor i in {0..7}; do\n  python -m vllm --model $model &\ndone", "there is no training command"),
        ("echo python3 -m verl.trainer.main a.b=1", "there is no training command"),
        ("python -m verl.trainer.main a.b=1\npython -m verl.trainer.main a.b=2", "2 training commands, in lines 1, 2"),
        ("python3 -m verl.trainer.main_ppo data.train_batch_size=4", "verl's own trainer"),
    ],
)
def test_a_text_without_one_training_command_says_what_it_is(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_command(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("nohup python3 -u -m verl.trainer.main a.b=1 > log &", True),
        ("ray job submit -- python3 -m verl.trainer.main a.b=1", True),
        ("python verl/trainer/main.py a.b=1", True),
        ("data.seed=1 trainer.nnodes=1", True),
        ("data:\n  seed: 1", False),
        ("# a story\ntitle: x\nstory: >-\n  It says\n  python3 -m verl.trainer.main", False),
    ],
)
def test_a_command_is_told_from_a_yaml_file(text: str, command: bool) -> None:
    assert looks_like_a_command(text) is command
    if command:
        assert len(read_command(text).settings) in (1, 2)


def test_no_text_that_people_paste_is_a_crash() -> None:
    """Two thousand seeded scrambles of a script: read, or refused in words, never another error."""
    chance = random.Random(2026)
    pieces = ["$", "${", "}", "$((", "))", "(", ")", '"', "'", "`", "\\", "\\\n", "\n", " ", "#", "=", "A", "A=", "A=(",
              "[@]", ":-", "<<EOF", ">", "&", "|", ";", "1", "**", "python3 -m verl.trainer.main ", "data.seed=", "é",
              "\x00", "{", "[", "if ", "\t"]  # fmt: skip
    read = 0
    for _ in range(2_000):
        text = "".join(chance.choices(pieces, k=chance.randint(1, 40)))
        try:
            import_verl(text)
            read += 1
        except ConfigError as error:
            assert str(error)
    assert read > 0

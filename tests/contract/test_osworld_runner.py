"""The command of OSWorld's runner as settings: what it becomes, what is refused, and that nothing of it is executed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from arpo_engine.contract.config import apply_overrides, parse_config
from arpo_engine.contract.config.osworld_runner import RunnerCommand, read_runner
from arpo_engine.contract.errors import ConfigError

COMMAND = """\
cd OSWorld
# evaluate
python run_multienv_uitars.py \\
    --headless \\
    --observation_type screenshot \\
    --max_steps 20 --max_trajectory_length=5 \\
    --temperature 0.7 \\
    --model my-model \\
    --action_space pyautogui \\
    --num_envs 3 \\
    --result_dir ./results/ \\
    --test_all_meta_path ./evaluation_examples/test_all.json \\
    --trial-id 4 \\
    --server_ip http://10.0.0.2
"""


def verdicts(command: RunnerCommand) -> dict[str, str]:
    return {parameter.name: parameter.verdict for parameter in command.parameters}


def test_the_published_command_becomes_an_evaluation_at_a_server() -> None:
    command = read_runner(COMMAND)
    assert command.refused == []
    config = parse_config(apply_overrides({}, command.settings))
    assert (config.kind, config.seed, config.desktops.count) == ("evaluate", 4, 3)
    assert config.generator.kind == "openai"
    assert config.generator.base_urls == tuple(f"http://10.0.0.2:{port}/v1" for port in (9000, 9001, 9002))
    assert (config.generator.model, config.agent.history_images) == ("my-model", 5)
    assert (config.generator.max_new_tokens, config.agent.prompt) == (1500, "full")
    measured = config.evaluation
    assert (measured.temperature, measured.top_p, measured.max_steps, measured.attempts) == (0.7, 0.9, 20, 1)
    assert (measured.osworld_layout, measured.split) == (True, "train")
    assert (config.tasks.source, config.tasks.train, config.tasks.held_out) == ("evaluation_examples", "test_all", None)


def test_every_parameter_has_a_verdict_those_by_default_among_them() -> None:
    found = verdicts(read_runner(COMMAND))
    assert {"top_p", "max_tokens", "headless", "trial-id", "result_dir"} <= set(found)
    assert (found["headless"], found["trial-id"], found["temperature"]) == ("inert", "adapted", "mapped")


def test_desktops_are_spread_over_at_most_eight_servers_from_the_port_that_is_given() -> None:
    settings = read_runner("python run_multienv_uitars.py --num_envs 20 --server_port 55382").settings
    (generator,) = [yaml.safe_load(word.partition("=")[2]) for word in settings if word.startswith("generator=")]
    assert [url.rsplit(":", 1)[1] for url in generator["base_urls"]] == [f"{55382 + number}/v1" for number in range(8)]


@pytest.mark.parametrize(
    ("words", "name", "told"),
    [
        ("--observation_type som", "observation_type", "use screenshot"),
        ("--noise_type pop_ups", "noise_type", "not known here; leave it out"),
        ("--max_steps many", "max_steps", "'many' is no number"),
        ("--model $MODEL", "model", "write its value"),
        ("--result_dir `pwd`/x", "result_dir", "write its value"),
        ("--num_envs $(nproc)", "num_envs", "write its value"),
    ],
)
def test_what_cannot_be_meant_here_is_refused_with_the_cure(words: str, name: str, told: str) -> None:
    (refused,) = read_runner(f"python run_multienv_uitars.py {words}").refused
    assert refused.name == name
    assert told in refused.told


def test_a_script_with_other_commands_is_read_and_nothing_of_it_is_executed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("here")
    script = (
        f"rm -rf {kept}\necho 'open quote\npython run_multienv_uitars.py --max_steps 9 && rm -rf {kept}; touch {kept}2"
    )
    command = read_runner(script)
    assert "evaluation.max_steps=9" in command.settings
    assert command.refused == []
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


SERVER = """\
model=PATH_TO_MODEL
model_name=arpo-7b
num_images=4
port=9000
for i in {0..7}; do
    CUDA_VISIBLE_DEVICES=$i python -m vllm.entrypoints.openai.api_server \\
        --served-model-name $model_name --model $model \\
        --limit-mm-per-prompt image=$num_images -tp=1 --port $((9100 + i)) &
done
wait
"""


def test_a_start_server_script_says_the_models_name_the_ports_and_the_images() -> None:
    config = parse_config(
        apply_overrides({}, read_runner(f"{SERVER}\n{COMMAND.replace('--model my-model', '')}").settings)
    )
    assert config.generator.kind == "openai"
    assert config.generator.base_urls[0] == "http://10.0.0.2:9100/v1"
    assert (config.generator.model, config.agent.history_images) == ("arpo-7b", 4)
    alone = parse_config(apply_overrides({}, read_runner(SERVER).settings))
    assert alone.model_name == "arpo-7b"


def test_a_name_that_the_script_does_not_say_is_refused() -> None:
    (refused,) = read_runner(SERVER.replace("model_name=arpo-7b", "model_name=$(cat name)")).refused
    assert (refused.name, refused.value) == ("model", "$model_name")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no command of run_multienv_uitars.py"),
        ("python -m verl.trainer.main config=x", "no command of run_multienv_uitars.py"),
        ("python run_multienv_uitars.py --model 'open", "close its quotes"),
        ("python run_multienv_uitars.py stray", "'stray' in the command belongs to no parameter"),
        ("x" * 100_001, "paste the command alone"),
    ],
    ids=["empty", "another", "quote", "stray", "long"],
)
def test_what_is_no_such_command_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read_runner(text)

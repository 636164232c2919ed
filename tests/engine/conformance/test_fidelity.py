"""A config, a run folder and a hand-written claim beside the published pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.conformance.fidelity.checks import advantage_check, loss_check
from arpo_engine.conformance.fidelity.claims import check_claims
from arpo_engine.conformance.fidelity.components import compare_config
from arpo_engine.conformance.fidelity.rows import FidelityReport, Likeness, Row
from arpo_engine.conformance.fidelity.writing import as_markdown
from arpo_engine.contract.config import RunConfig, apply_overrides, parse_config
from arpo_engine.contract.config.objective import ClipConfig
from arpo_engine.contract.config.verl import import_verl
from arpo_engine.contract.config.verl.published_run import published_run
from arpo_engine.contract.errors import ConfigError

CLAIM = """# We train exactly as the paper does
| What | Original | This replica | Status |
|---|:---:|---|---|
| Optimizer | AdamW | AdamW | same |
| Max steps | 15 | 16 | same |
| Clip | (0.2, 0.3) | [0.2, 0.25] | same |
| Colour of the logo | 7 | 8 | same |

* **Original**: 256 environments, 128 tasks
* **Ours**: 2 environments, Docker

```python
advantage = (score - mean) / (std + 1e-8)
```
```yaml
enable_replay: true
```
"""


def rows_of(report: FidelityReport, component: str) -> list[Row]:
    return [row for row in report.rows if row.component == component]


def likeness(text: str, component: str) -> list[str]:
    return [row.likeness.value for row in rows_of(check_claims(text, "claim"), component)]


@pytest.mark.parametrize(
    ("component", "here", "published"),
    [
        ("optimizer", "adamw", "adamw_bf16"),
        ("advantage epsilon", "1e-8", "1e-06"),
        ("steps of an episode", "16", "15"),
        ("environments", "256", "128 or 16"),
        ("replay switch", "true", "a dead switch"),
        ("infeasible tasks", "not mentioned", "26 of the 128 tasks"),
        ("clip ratios", "0.2, 0.25", "0.2, 0.3"),
    ],
)
def test_what_is_not_as_published_is_flagged(component: str, here: str, published: str):
    found = [row for row in rows_of(check_claims(CLAIM, "claim"), component) if row.likeness is Likeness.DIFFERENT]
    assert any(here in row.here and published in row.published for row in found)


def test_what_is_as_published_and_what_a_replica_may_have_otherwise_is_not_flagged():
    assert likeness("Paper: max_steps = 15", "steps of an episode") == ["same"]
    assert likeness("Our optimizer: adamw_bf16", "optimizer") == ["same"]
    assert likeness("(std + 1e-6)", "advantage epsilon") == ["same"]
    assert likeness("Ours: 2 environments", "environments") == ["adapted"]
    assert likeness("Paper: 2 environments", "environments") == ["different"]
    assert likeness("env.max_steps=15 `worker.actor.optim.weight_decay=0.5`", "key") == ["different"]


def test_claims_that_nobody_understands_are_listed_with_their_lines():
    left = [row for row in check_claims(CLAIM, "claim").rows if row.likeness is Likeness.UNCHECKED]
    assert any("Colour of the logo: 8" in row.here and row.lines == (7,) for row in left)


def test_a_document_that_tells_of_infeasible_tasks_is_not_blamed_for_silence():
    assert likeness("max_steps = 15, 26 infeasible tasks", "infeasible tasks") == ["not checked"]


def test_the_published_run_is_the_same_but_for_its_framework_and_its_desktops():
    apart = {row.component for row in compare_config(published_run().ready()) if row.likeness is not Likeness.SAME}
    assert apart == {"framework", "OSWorld revision", "provider"}


def test_the_published_values_are_those_of_the_script_that_is_test_data():
    script = import_verl(Path("tests/data/verl/full128.sh").read_text(encoding="utf-8")).ready()
    assert script.model_dump(exclude={"title"}) == published_run().ready().model_dump(exclude={"title"})


@pytest.mark.parametrize(
    ("word", "component", "expected"),
    [
        ("optimizer.kind=adamw", "optimizer", "different"),
        ("algorithm.replay.enabled=false", "replay", "different"),
        ("algorithm.advantage_eps=0.1", "algorithm", "different"),
        ("algorithm.mode=corrected", "algorithm", "adapted"),
        ("desktops.count=4", "scale", "adapted"),
        ("tasks.infeasible=leave_out", "infeasible tasks", "adapted"),
    ],
)
def test_a_changed_setting_is_found_in_its_component(word: str, component: str, expected: str):
    config = changed(word)
    assert {row.likeness.value for row in compare_config(config) if row.component == component} == {expected}


def changed(word: str) -> RunConfig:
    return parse_config(apply_overrides(published_run().ready().model_dump(mode="json"), [word]))


def test_the_numeric_checks_notice_another_formula():
    assert advantage_check(1e-6, 1e-6)[0] and not advantage_check(0.1, 1e-6)[0]
    assert loss_check(ClipConfig(), ClipConfig())[0] and not loss_check(ClipConfig(high=0.2), ClipConfig())[0]
    assert not loss_check(ClipConfig(dual=4.0), ClipConfig())[0]


def test_a_hostile_cell_does_not_break_the_markdown_table():
    row = Row(component="x", likeness=Likeness.SAME, here="a | b\n<script>[x](y)", published="", evidence="")
    table = as_markdown(FidelityReport(subject="s", rows=(row, replace(row, here="c")))).splitlines()
    assert "a \\| b &lt;script>\\[x](y)" in table[6] and "| c |" in table[7]


def test_the_command_prints_and_writes_and_no_difference_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    claim, markdown, data = tmp_path / "claim.md", tmp_path / "r.md", tmp_path / "r.json"
    claim.write_text(CLAIM, encoding="utf-8")
    assert main(["verify", "--claims", str(claim), "--markdown", str(markdown), "--json", str(data)]) == 0
    assert "adamw_bf16" in capsys.readouterr().out and "| optimizer | different |" in markdown.read_text("utf-8")
    assert json.loads(data.read_text("utf-8"))["counts"]["different"] >= 6


def test_a_run_folder_is_read_with_its_events(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "config.json").write_text(RunConfig().model_dump_json(), encoding="utf-8")
    assert main(["verify", "--run", str(tmp_path)]) == 0
    assert "it has no events yet" in capsys.readouterr().out
    members = [{"injected": {"source_step": 1}}, {"injected": None}]
    events = [{"kind": "RunStarted", "train_tasks": 96}, {"kind": "GroupCollected", "members": members}]
    lines = [json.dumps({"v": 1, "attempt": 1, "seq": n, "event": event}) for n, event in enumerate(events, start=1)]
    (tmp_path / "events.jsonl").write_text("\n".join([*lines, '{"RunStarted"', ""]), encoding="utf-8")
    assert main(["verify", "--run", str(tmp_path), "--json", str(tmp_path / "r.json")]) == 0
    written = (tmp_path / "r.json").read_text("utf-8")
    assert "recorded: 1 replayed successes in 1 groups" in written and "recorded: 96 tasks" in written
    assert "1 lines of its events cannot be read" in written


def test_a_script_of_the_published_code_is_a_config_as_well(capsys: pytest.CaptureFixture[str]):
    assert main(["verify", "--config", "tests/data/verl/subset32.sh"]) == 0
    assert "adamw_bf16" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * 10_000_000, "has more than 2000000 bytes"),
        (b"\x89PNG\xff\xfe", "is no UTF-8 text"),
        (b"max_steps = 15\0", "holds zero bytes"),
        (b"# Shopping\n\n- milk\n- 2 eggs\n", "makes no claim about a training pipeline"),
        (b"", "makes no claim about a training pipeline"),
    ],
)
def test_a_file_that_makes_no_claims_is_refused_with_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
):
    file = tmp_path / "claims.md"
    file.write_bytes(content)
    assert main(["verify", "--claims", str(file)]) == 2
    assert message in capsys.readouterr().err


def test_a_missing_file_and_a_folder_without_a_run_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["verify", "--claims", str(tmp_path / "none.md")]) == 2
    assert main(["verify", "--run", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "there is no file" in told and "holds no config.json" in told


def test_a_single_enormous_line_is_read_only_as_far_as_a_line_goes():
    with pytest.raises(ConfigError, match="makes no claim"):
        check_claims("a=" * 500_000 + " max_steps = 16", "claim")

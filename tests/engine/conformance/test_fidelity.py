"""A config, a run folder and a hand-written claim beside the published pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from arpo_engine.cli.commands import main
from arpo_engine.conformance.fidelity.checks import advantage_check, checks_of, loss_check
from arpo_engine.conformance.fidelity.claims import check_claims
from arpo_engine.conformance.fidelity.runs import read_run
from arpo_engine.contract.config import RunConfig, apply_overrides, parse_config
from arpo_engine.contract.config.objective import ClipConfig
from arpo_engine.contract.config.verl import import_verl
from arpo_engine.contract.config.verl.published_run import NAMES, RunName, nearest_to, published_run
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.events import NumericCheck
from arpo_engine.contract.fidelity.components import compare_config, with_checks
from arpo_engine.contract.fidelity.rows import FidelityReport, Likeness, Row
from arpo_engine.contract.fidelity.writing import as_markdown

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


@pytest.mark.parametrize("name", NAMES)
def test_a_published_run_is_the_same_but_for_its_framework_and_the_revision_of_osworld(name: RunName):
    run = published_run(name)
    assert nearest_to(run.config) is run
    apart = {row.component for row in compare_config(run.config, run) if row.likeness is not Likeness.SAME}
    assert apart == {"framework", "OSWorld revision"}


@pytest.mark.parametrize("name", NAMES)
def test_the_published_values_are_those_of_the_script_that_is_test_data(name: RunName):
    script = import_verl(Path(f"tests/data/verl/{name}.sh").read_text(encoding="utf-8")).ready()
    assert script.model_dump(exclude={"title"}) == published_run(name).config.model_dump(exclude={"title"})


def test_a_run_is_laid_beside_the_published_one_that_it_is_nearest_to_or_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    written = tmp_path / "r.json"
    words = ["verify", "--config", "tests/data/verl/subset32.sh", "--json", str(written)]
    assert main(words) == 0
    report = json.loads(written.read_text("utf-8"))
    assert report["reference"] == "examples/osworld_subset32.sh, on 16 desktops"
    assert {row["likeness"] for row in report["rows"] if row["component"] in ("scale", "learning rate")} == {"same"}
    assert main([*words, "--against", "full128"]) == 0
    assert "Beside examples/osworld_full_arpo.sh, on 128 desktops." in capsys.readouterr().out
    report = json.loads(written.read_text("utf-8"))
    assert {row["likeness"] for row in report["rows"] if row["component"] == "scale"} == {"adapted"}
    small = parse_config(apply_overrides(RunConfig().model_dump(mode="json"), ["desktops.count=4"]))
    assert nearest_to(small).name == "subset32"
    assert nearest_to(changed("desktops.count=4")).name == "full128", "its task list is that of the other script"


@pytest.mark.parametrize(
    ("word", "component", "expected"),
    [
        ("optimizer.kind=adamw", "optimizer", "different"),
        ("algorithm.replay.enabled=false", "replay", "different"),
        ("algorithm.advantage_eps=0.1", "algorithm", "different"),
        ("algorithm.mode=corrected", "algorithm", "adapted"),
        ("desktops.count=4", "scale", "adapted"),
        ("tasks.infeasible=leave_out", "infeasible tasks", "adapted"),
        ("model.lora.rank=16", "weights that learn", "different"),
        ("model.freeze_vision=true", "weights that learn", "different"),
        ("model.lora.alpha=1", "weights that learn", "same"),
        ("rollout.mode=stream", "rollouts", "different"),
        ("rollout.mode=lockstep", "rollouts", "same"),
        ("rollout.top_p=0.5", "rollouts", "different"),
        ("agent.history_images=2", "rollouts", "different"),
    ],
)
def test_a_changed_setting_is_found_in_its_component(word: str, component: str, expected: str):
    streams = ("algorithm.mode=corrected",) if word == "rollout.mode=stream" else ()
    config = changed(word, *streams)
    rows = with_checks(compare_config(config, published_run()), checks_of(config))
    assert {row.likeness.value for row in rows if row.component == component} == {expected}


def test_numbers_that_the_engine_gets_wrong_make_a_component_different_whatever_its_settings():
    check = NumericCheck(component="clip ratios", agrees=False, told="another number")
    rows = with_checks(compare_config(published_run().config, published_run()), [check])
    (found,) = [row for row in rows if row.component == "clip ratios"]
    assert found.likeness is Likeness.DIFFERENT and found.evidence.endswith("another number")


def test_a_model_is_the_same_whoever_keeps_it_and_another_one_by_any_other_name():
    def of(path: str) -> Likeness:
        rows = compare_config(changed(f"model.path={path}"), published_run())
        return next(row.likeness for row in rows if row.component == "model")

    assert of("ByteDance-Seed/UI-TARS-1.5-7B") is of("/models/UI-TARS-1.5-7B") is Likeness.SAME
    assert of("ByteDance-Seed/UI-TARS-7B-DPO") is Likeness.ADAPTED


@pytest.mark.parametrize(
    ("said", "theirs", "ours"),
    [
        ("UI-TARS-1.5-7B", "same", "same"),
        ("UI-TARS-1.5 (7B parameters)", "same", "same"),
        ("UI-TARS 1.5 7B", "same", "same"),
        ("the 7B model", "same", "same"),
        ("UI-TARS-7B-DPO", "different", "adapted"),
        ("UI-TARS-2B-SFT", "different", "adapted"),
        ("UI-TARS-1.5-72B", "different", "adapted"),
        ("UI-TARS", "not checked", "not checked"),
    ],
)
def test_a_model_is_read_by_its_generation_and_its_size(said: str, theirs: str, ours: str):
    assert likeness(f"Paper: max_steps = 15 with {said}", "model") == [theirs]
    assert likeness(f"Ours: max_steps = 15 with {said}", "model") == [ours]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("8x A100", "same"), ("2x8 GPUs", "same"), ("2 nodes of 8 GPUs", "same"), ("16×H200", "same"),
        ("32×A100-80G", "different"), ("a single A100", "different"), ("4 GPUs", "different"),
    ],
)  # fmt: skip
def test_numbers_of_gpus_are_read(said: str, expected: str):
    assert likeness(f"Paper: trained on {said}", "GPUs") == [expected]
    assert likeness(f"Ours: trained on {said}", "GPUs") == ["same" if expected == "same" else "adapted"]


LOSS = "loss = {}torch.min(\n    ratio * advantage,\n    torch.clamp(ratio, 1 - low, 1 + high) * advantage,\n)\n"


@pytest.mark.parametrize(
    ("code", "expected", "told"),
    [
        (LOSS.format("-"), "different", "the dual clip is not in it"),
        (LOSS.format(""), "different", "lacks its minus sign"),
        (LOSS.format("-") + "# bounded\nloss = torch.where(adv < 0, torch.min(loss, -adv * dual), loss)\n", "same", ""),
        (LOSS.format("-") + "loss = bounded(loss, dual_clip=5.0)\n", "different", "its dual clip is at 5.0"),
    ],
    ids=["no dual clip", "no sign", "a dual clip some lines on", "another dual clip"],
)
def test_a_loss_over_several_lines_is_read_with_what_follows_it(code: str, expected: str, told: str):
    rows = rows_of(check_claims(f"# Ours\n```python\n{code}```\nmax_steps = 15\n", "claim"), "policy loss")
    assert (rows[0].likeness.value, rows[0].lines) == (expected, (3,))
    assert told in rows[0].evidence


def test_a_sentence_that_goes_on_in_the_next_line_is_read_as_one():
    text = (
        "We use loss = -torch.min(a, b) and bound it from the other side\nby a dual clip of 3. Our max\nsteps are 16.\n"
    )
    report = check_claims(text, "claim")
    assert [row.likeness.value for row in rows_of(report, "policy loss")] == ["same"]


def test_claims_that_all_is_alike_are_judged_by_the_values_of_the_same_document():
    (row,) = rows_of(check_claims(CLAIM, "claim"), "likeness as a whole")
    assert row.likeness is Likeness.DIFFERENT
    assert "advantage epsilon (line 13)" in row.evidence and row.lines == (1,)
    honest = "Ours is identical to the paper, infeasible tasks among them.\n\nmax_steps = 15\n"
    assert likeness(honest, "likeness as a whole") == ["not checked"]


@pytest.mark.parametrize(
    ("text", "component", "expected"),
    [
        ("```\nstd = np.std(scores)\n```", "advantage, spread", "different"),
        ("```\nstd = scores.std()\n```", "advantage, spread", "same"),
        ("Ours: python -m verl.trainer.main_ppo", "entry point", "different"),
        ("Ours: config=configs/mine.yaml", "config file", "adapted"),
        ("Paper: when all rollouts fail, replace one with a cached success", "replay, injection", "same"),
    ],
)
def test_more_of_what_documents_say_is_read(text: str, component: str, expected: str):
    assert likeness(text, component) == [expected]


def test_a_run_of_the_console_is_found_by_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "data" / "runs" / "r4k2m7"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(RunConfig().model_dump_json(), encoding="utf-8")
    monkeypatch.setenv("ARPO_DATA_DIR", str(tmp_path / "data"))
    assert main(["verify", "--run", "r4k2m7"]) == 0
    assert "it has no events yet" in capsys.readouterr().out
    for unknown in ("r0000", "../runs/r4k2m7"):
        assert main(["verify", "--run", unknown]) == 2
        assert "its page in the console has the report under Fidelity" in capsys.readouterr().err


def changed(*words: str) -> RunConfig:
    return parse_config(apply_overrides(published_run().config.model_dump(mode="json"), words))


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


def test_of_a_folder_that_was_begun_anew_the_tasks_are_those_of_the_last_beginning(tmp_path: Path):
    events = [{"kind": "RunStarted", "train_tasks": 96}, {"kind": "RunStarted", "train_tasks": 12}]
    lines = [json.dumps({"v": 1, "attempt": n, "seq": 1, "event": event}) for n, event in enumerate(events, start=1)]
    (tmp_path / "events.jsonl").write_text("\n".join([*lines, ""]), encoding="utf-8")
    seen = read_run(tmp_path, RunConfig())
    assert seen is not None and seen.train_tasks == 12


def test_a_document_is_read_beside_both_published_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    claim = tmp_path / "claim.md"
    claim.write_text(CLAIM, encoding="utf-8")
    assert main(["verify", "--claims", str(claim), "--against", "full128"]) == 2
    assert "leave --against out" in capsys.readouterr().err


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

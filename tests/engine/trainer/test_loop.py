"""The loop as a whole: it learns, it can be stopped, it resumes exactly, it comes back from a collapse."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.errors import CheckpointError, ConfigError, NothingCollected, PolicyCollapsed, SetupFailed
from arpo_engine.contract.events import (
    CheckpointSaved,
    CollapseNoticed,
    EpisodeStarted,
    EpisodeStepTaken,
    GroupCollected,
    LogWritten,
    MetricsLogged,
    PhaseChanged,
    RunStarted,
    StepFinished,
    ValidationFinished,
)
from arpo_engine.contract.outcomes import Directive, RunOutcome
from arpo_engine.evaluation.compared import read_compared
from arpo_engine.trainer.guard import Collapse
from arpo_engine.trainer.loop import train
from arpo_engine.trainer.parts import Ending
from arpo_engine.trainer.stop import StopSwitch
from tests.engine.fakes import ClickingDesktops
from tests.engine.trainer.world import small_config, world


@dataclass
class Outcome:
    ending: Ending
    events: list[Any]
    weights: dict[str, torch.Tensor] = field(repr=False)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def losses(self) -> dict[int, dict[str, float | None]]:
        """Numbers by step, without those of the clock and of the machine's memory."""
        return {
            event.step: {key: value for key, value in event.values.items() if not key.startswith(("time/", "memory/"))}
            for event in self.of(MetricsLogged)
        }


def run(
    config: RunConfig,
    run_dir: Path,
    *,
    resuming: bool = True,
    attempt: int = 1,
    stop_after: int | None = None,
    minutes: float | None = None,
    directive: Directive = Directive.RUN,
    desktops: ClickingDesktops | None = None,
    before: Any = None,
) -> Outcome:
    async def main() -> Outcome:
        async with world(config, run_dir, attempt=attempt, desktops=desktops) as parts:
            stop = StopSwitch(parts.sink, minutes=minutes)
            parts.sink.directive = directive
            emit = parts.sink.emit

            def listen(event: Any) -> None:
                emit(event)
                if isinstance(event, StepFinished) and event.step == stop_after:
                    stop.ask("enough")

            parts.sink.emit = listen
            if before is not None:
                before(parts)
            ending = await train(parts, stop, resuming=resuming)
            return Outcome(
                ending, parts.sink.events, {k: v.clone() for k, v in parts.policy.module.state_dict().items()}
            )

    return asyncio.run(main())


def test_a_run_goes_through_all_its_steps_and_the_weights_change(tmp_path):
    start = run(
        small_config(limits={"steps": 1}, optimizer={"lr": 1e-9, "warmup_steps": 0}), tmp_path / "still"
    ).weights
    outcome = run(small_config(), tmp_path / "run")
    assert outcome.ending == Ending(RunOutcome.FINISHED, 4, "all 4 steps are done")
    assert [event.step for event in outcome.of(StepFinished)] == [1, 2, 3, 4]
    assert any((outcome.weights[name] - start[name]).abs().max() > 1e-4 for name in start)
    assert any(values["train/grad_norm"] for values in outcome.losses().values())


def test_metrics_have_the_keys_that_the_charts_ask_for(tmp_path):
    values = (
        run(small_config(limits={"steps": 1}, optimizer={"warmup_steps": 0}), tmp_path).of(MetricsLogged)[-1].values
    )
    wanted = {
        "train/success", "train/reward", "train/format", "train/advantage_std", "train/entropy", "train/clip_fraction",
        "train/clip_fraction_high", "train/approx_kl", "train/grad_norm", "train/lr", "train/zero_gradient_groups",
        "replay/size", "replay/hits", "replay/tasks_stocked", "rollout/episodes", "rollout/faults", "rollout/turns",
        "rollout/tokens", "time/collect_s", "time/learn_s", "time/save_s", "time/step_s", "env_steps",
    }  # fmt: skip
    assert wanted <= set(values)


def test_recomputed_logprobs_agree_with_the_sampled_ones_so_the_first_update_has_no_kl(tmp_path):
    config = small_config(
        limits={"steps": 1}, optimizer={"warmup_steps": 0}, algorithm={"kind": "grpo", "minibatches": 1}
    )
    values = run(config, tmp_path).of(MetricsLogged)[-1].values
    assert values["train/approx_kl"] == pytest.approx(0.0, abs=1e-4)
    assert values["train/clip_fraction"] == 0.0


def test_a_run_that_was_stopped_and_resumed_equals_an_unbroken_one(tmp_path):
    whole = run(small_config(), tmp_path / "whole")
    first = run(small_config(), tmp_path / "broken", stop_after=2)
    second = run(small_config(), tmp_path / "broken", attempt=2)
    assert first.ending.outcome is RunOutcome.STOPPED
    assert second.of(RunStarted)[0].resumed_from_step == 2
    assert {**first.losses(), **second.losses()} == whole.losses()
    assert all(torch.equal(second.weights[name], whole.weights[name]) for name in whole.weights)


def test_equal_seeds_give_equal_runs_and_other_seeds_other_ones(tmp_path):
    config = small_config(limits={"steps": 2})
    one, two = run(config, tmp_path / "a"), run(config, tmp_path / "b")
    other = run(config.model_copy(update={"seed": 1}), tmp_path / "c")
    assert one.losses() == two.losses()
    assert one.losses() != other.losses()


def test_a_torn_checkpoint_is_named_and_the_one_before_it_is_used(tmp_path):
    run(small_config(), tmp_path, stop_after=2)
    (tmp_path / "checkpoints" / "step_000002" / "optimizer.pt").write_bytes(b"torn")
    outcome = run(small_config(limits={"steps": 3}), tmp_path, attempt=2)
    assert outcome.of(RunStarted)[0].resumed_from_step == 1
    (warning,) = outcome.of(LogWritten)
    assert "step_000002/optimizer.pt" in warning.message
    assert "an older checkpoint is used" in warning.message


def test_no_resume_begins_anew(tmp_path):
    run(small_config(), tmp_path, stop_after=2)
    outcome = run(small_config(limits={"steps": 2}), tmp_path, attempt=2, resuming=False)
    assert outcome.of(RunStarted)[0].resumed_from_step is None
    assert [event.step for event in outcome.of(StepFinished)] == [1, 2]


def test_a_checkpoint_of_another_seed_is_refused_with_the_cure(tmp_path):
    run(small_config(), tmp_path, stop_after=1)
    with pytest.raises(CheckpointError, match="set seed=0 to resume it"):
        run(small_config().model_copy(update={"seed": 5}), tmp_path, attempt=2)


def test_a_wish_to_stop_finishes_the_step_and_saves_it(tmp_path):
    outcome = run(small_config(), tmp_path, stop_after=1)
    assert outcome.ending == Ending(RunOutcome.STOPPED, 1, "enough")
    assert outcome.of(CheckpointSaved)[-1].step == 1
    assert outcome.of(PhaseChanged)[-1].phase == "done"


@pytest.mark.parametrize(
    ("directive", "phase", "word"),
    [(Directive.STOP_GRACEFULLY, "done", "stopped from the console"), (Directive.PAUSE, "paused", "paused from")],
)
def test_the_console_may_stop_or_pause(tmp_path, directive: Directive, phase: str, word: str):
    outcome = run(small_config(), tmp_path, directive=directive)
    assert (outcome.ending.outcome, outcome.ending.step) == (RunOutcome.STOPPED, 0)
    assert word in outcome.ending.reason
    assert outcome.of(PhaseChanged)[-1].phase == phase


def test_the_limit_of_time_is_a_normal_end(tmp_path):
    outcome = run(small_config(), tmp_path, minutes=1e-9)
    assert (outcome.ending.outcome, outcome.ending.reason) == (
        RunOutcome.FINISHED,
        "reached limits.minutes = 1e-09 at step 0",
    )


def test_validation_runs_before_between_and_after_with_names_for_its_numbers(tmp_path):
    outcome = run(small_config(validation={"every_steps": 2}), tmp_path)
    assert [(event.step, event.split) for event in outcome.of(ValidationFinished)] == [
        (step, split) for step in (0, 2, 4) for split in ("validation_train", "held_out")
    ]
    logged = outcome.losses()
    assert all("validation/held_out_success" in logged[step] for step in (0, 2, 4))


def test_validation_has_sampling_and_length_of_its_own(tmp_path):
    longest = run(small_config(validation={"every_steps": 4, "max_steps": 1, "top_p": 0.5}), tmp_path)
    steps: dict[str, int] = {}
    for event in longest.of(EpisodeStepTaken):
        steps[event.episode_id] = event.index
    measured = {event.episode_id for event in longest.of(EpisodeStarted) if event.split != "train"}
    assert {steps[name] for name in measured} == {0}
    assert {steps[name] for name in set(steps) - measured} > {0}
    kept = json.loads((tmp_path / "results" / "held_out_step_000004.json").read_text())
    assert kept["sampling"] == {"temperature": 0.5, "top_p": 0.5, "max_new_tokens": 4}


def test_the_start_need_not_be_measured(tmp_path):
    outcome = run(small_config(validation={"every_steps": 4, "before_training": False}), tmp_path)
    assert {event.step for event in outcome.of(ValidationFinished)} == {4}


def test_validation_only_measures_and_trains_nothing(tmp_path):
    outcome = run(small_config(validation={"every_steps": 1, "only": True}), tmp_path)
    assert (outcome.ending.outcome, outcome.ending.step) == (RunOutcome.FINISHED, 0)
    assert outcome.ending.reason.startswith("validation.only: measured at step 0: train_success")
    assert {event.split for event in outcome.of(ValidationFinished)} == {"validation_train", "held_out"}
    assert (outcome.of(StepFinished), outcome.of(CheckpointSaved)) == ([], [])
    assert not (tmp_path / "checkpoints").exists()


def test_validation_only_measures_the_newest_checkpoint_where_there_is_one(tmp_path):
    run(small_config(), tmp_path, stop_after=2)
    outcome = run(small_config(validation={"every_steps": 1, "only": True}), tmp_path, attempt=2)
    assert {event.step for event in outcome.of(ValidationFinished)} == {2}


def test_validation_only_without_a_measurement_is_refused():
    with pytest.raises(ConfigError, match=r"validation\.only: .*set every_steps to 1 or more"):
        small_config(validation={"every_steps": 0, "only": True})


def test_the_fixed_set_of_validation_episodes_is_kept_at_every_measurement(tmp_path):
    run(small_config(validation={"every_steps": 2, "compare": 1}), tmp_path)
    courses = read_compared(tmp_path)
    assert [course.split for course in courses] == ["held_out", "validation_train"]
    assert [list(course.by_step) for course in courses] == [[0, 2, 4]] * 2


def test_groups_are_told_with_their_advantages(tmp_path):
    outcome = run(small_config(limits={"steps": 1}, optimizer={"warmup_steps": 0}), tmp_path)
    groups = outcome.of(GroupCollected)
    assert len(groups) == 2
    assert all(len(group.members) == 3 for group in groups)
    assert all(group.zero_gradient == all(member.advantage == 0 for member in group.members) for group in groups)


def test_a_step_without_a_scored_episode_ends_the_run_with_the_reason(tmp_path):
    desktops = ClickingDesktops(size=6)

    def trouble(index: int, request: object) -> None:
        raise SetupFailed("no wallpaper")

    desktops.trouble = trouble
    with pytest.raises(NothingCollected, match="none of the 6 rollouts of step 1 could be scored"):
        run(small_config(rollout={"retries": 0}), tmp_path, desktops=desktops)


def test_a_collapse_brings_back_the_best_weights_and_halves_the_rate(tmp_path):
    def collapse_at_two(parts: Any) -> None:
        judge, steps = parts.guard.judge, iter(range(1, 99))

        def judged(signs: Any) -> Collapse | None:
            judge(signs)
            return Collapse("format", -0.9, -0.5, "replies are unreadable") if next(steps) == 2 else None

        parts.guard.judge = judged

    config = small_config(guard={"window_steps": 1, "success_drop": 1.0})
    outcome = run(config, tmp_path, before=collapse_at_two)
    (event,) = outcome.of(CollapseNoticed)
    assert (event.step, event.returned_to_step) == (2, 1)
    rates = [values["train/lr"] for step, values in sorted(outcome.losses().items())]
    plain = [values["train/lr"] for step, values in sorted(run(config, tmp_path / "plain").losses().items())]
    assert rates[:2] == plain[:2]
    assert rates[2:] == pytest.approx([rate / 2 for rate in plain[2:]])


def test_a_policy_that_collapses_too_often_ends_the_run(tmp_path):
    def always_collapse(parts: Any) -> None:
        parts.guard.judge = lambda signs: Collapse("format", -0.9, -0.5, "replies are unreadable")

    with pytest.raises(PolicyCollapsed, match=r"after 1 returns.*lower optimizer.lr"):
        run(small_config(guard={"max_returns": 1}), tmp_path, before=always_collapse)


def test_old_checkpoints_go_and_the_best_one_stays(tmp_path):
    # The guard's window is not full within three steps, so that the starting policy stays the best one.
    run(small_config(checkpoint={"keep": 1}, limits={"steps": 3}), tmp_path)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").glob("step_*"))
    assert kept == ["step_000000", "step_000003"]


def test_a_saved_policy_is_a_hugging_face_folder(tmp_path):
    from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

    outcome = run(small_config(limits={"steps": 1}, optimizer={"warmup_steps": 0}), tmp_path)
    folder = tmp_path / outcome.of(CheckpointSaved)[-1].export_path
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder)
    assert len(AutoTokenizer.from_pretrained(folder)) > 0
    assert all(torch.equal(value, outcome.weights[name]) for name, value in model.state_dict().items())

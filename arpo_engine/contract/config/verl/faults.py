"""Which faults of the published code (revision 7489ae3) would have hit a run, told from its settings alone.

Each is a predicate on the reading and one sentence that names the place. docs/fidelity.md says how each is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from arpo_engine.contract.config.verl.verdicts import Reading, Refusal
from arpo_engine.contract.plan.known_models import says_thousandths

TOKENS_PER_SCREENSHOT = 2_691
"""A screen of 1920 x 1080 pixels in Qwen2.5-VL, resized to 1932 x 1092 in patches of 28 x 28."""
_WITH_INFEASIBLE = {"test_success_uitars1.5_wo_impossible": 26, "test_all": 30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault that this run would have met."""

    name: str
    what: str
    """What would have happened, with the numbers of this run."""
    place: str
    """Where it stands in the published code."""


Finder = Callable[[Reading], str | None]


def faults_of(reading: Reading) -> tuple[Fault, ...]:
    """The faults that would have hit, those that stop a run first."""
    return tuple(_found(reading))


def _found(reading: Reading) -> Iterator[Fault]:
    for name, place, find in _FAULTS:
        try:
            what = find(reading)
        except Refusal:
            continue  # A value that cannot be read is refused in the key table; nothing is said about it here.
        if what:
            yield Fault(name=name, what=what, place=place)


def _always(sentence: str) -> Finder:
    return lambda reading: sentence


def _environments(reading: Reading) -> str | None:
    count, batch, n = (reading.whole(key) for key in ("env.num_envs", "data.rollout_batch_size", "worker.rollout.n"))
    if count == batch * n:
        return None
    return f"an assertion ends it at the first step: {count} environments are not {batch} x {n} = {batch * n}"


def _few_trajectories(reading: Reading) -> str | None:
    per_update = reading.whole("worker.actor.global_batch_size") * reading.whole("worker.rollout.n")
    gpus = reading.whole("trainer.nnodes") * reading.whole("trainer.n_gpus_per_node")
    return (
        f"it does not start: {per_update} trajectories an update are fewer than {gpus} GPUs"
        if per_update < gpus
        else None
    )


def _batched_tokens(reading: Reading) -> str | None:
    most, prompt = reading.whole("worker.rollout.max_num_batched_tokens"), reading.whole("data.max_prompt_length")
    longest = prompt + reading.whole("data.max_response_length")
    return f"it does not start: max_num_batched_tokens is {most}, below {longest}" if most < longest else None


def _replay_switch(reading: Reading) -> str | None:
    if reading.settings["algorithm.enable_replay"].origin == "default":
        return "replay is on although nobody asked for it; a run without it is not possible"
    return f"enable_replay={reading.get('algorithm.enable_replay')} is never read: replay is on either way"


def _infeasible(reading: Reading) -> str | None:
    name = PurePosixPath(str(reading.get("data.train_files"))).stem
    count = _WITH_INFEASIBLE.get(name)
    if count is None:
        return None
    share = f"{count} of the {reading.tasks} tasks" if reading.tasks else f"{count} tasks"
    return f"{share} can only be answered by giving up, and the shipped prompt has no action for that"


def _own_exam(reading: Reading) -> str | None:
    same = reading.get("data.train_files") == reading.get("data.val_files")
    return "validation measures the very tasks that are practised" if same else None


def _padded_validation(reading: Reading) -> str | None:
    count, frequency = reading.whole("env.num_envs"), reading.whole("trainer.val_freq", -1)
    gpus = reading.whole("trainer.nnodes") * reading.whole("trainer.n_gpus_per_node")
    if count <= gpus or (frequency <= 0 and reading.get("trainer.val_before_train") is not True):
        return None
    return f"each turn of validation is filled up to {count} generations instead of to a multiple of {gpus} GPUs"


def _incomplete_batch(reading: Reading) -> str | None:
    if reading.tasks is None:
        return None
    left = reading.tasks % reading.whole("data.rollout_batch_size")
    return (
        f"{left} of {reading.tasks} tasks are dropped in every epoch, the last batch being incomplete" if left else None
    )


def _cut_trajectories(reading: Reading) -> str | None:
    shown = min(reading.whole("env.max_steps"), reading.whole("worker.rollout.limit_images", 0) or 1_000)
    tokens, limit = shown * TOKENS_PER_SCREENSHOT, reading.whole("data.max_prompt_length")
    if tokens <= limit:
        return None
    return (
        f"{shown} screenshots of 1920 x 1080 are {tokens} tokens; beyond {limit} the text is cut and the pixels are not"
    )


def _lost_screenshots(reading: Reading) -> str | None:
    steps, limit = reading.whole("env.max_steps"), reading.whole("worker.rollout.limit_images", 0) or 1
    return (
        f"an episode of {steps} steps shows {steps} screenshots and vLLM takes {limit}: it raises"
        if steps > limit
        else None
    )


def _wrong_coordinates(reading: Reading) -> str | None:
    if not says_thousandths(reading.get("worker.actor.model.model_path")):
        return None
    return "UI-TARS 1.0 answers in thousandths of the screen and is read as pixels: its clicks land elsewhere"


def _dead_schedule(reading: Reading) -> str | None:
    keys = ("worker.actor.optim.warmup_style", "worker.actor.optim.min_lr_ratio")
    written = [key for key in keys if reading.settings[key].origin != "default"]
    return f"{', '.join(written)} is never read: the rate stays constant after the warm-up" if written else None


def _validation_alone(reading: Reading) -> str | None:
    if reading.get("trainer.val_only") is True and reading.get("trainer.val_before_train") is False:
        return "val_only is looked at only inside val_before_train, which is off: it trains"
    return None


def _shared_cache(reading: Reading) -> str | None:
    count = reading.whole("env.num_envs")
    return f"{count} environments download into one folder at once" if count > 1 else None


def _forgotten_buffer(reading: Reading) -> str | None:
    resumed = reading.get("trainer.load_checkpoint_path") is not None
    return (
        "the run is resumed with an empty replay buffer"
        if resumed
        else "a resumed run begins with an empty replay buffer"
    )


_FAULTS: tuple[tuple[str, str, Finder], ...] = (
    ("environments must fit exactly", "ray_trainer.py, start_reset_envs", _environments),
    ("fewer trajectories than GPUs", "fsdp_workers.py, _init_config", _few_trajectories),
    ("batched tokens too few", "vllm_rollout_spmd.py", _batched_tokens),
    ("screenshots beyond the limit", "vllm_rollout_spmd.py, limit_mm_per_prompt", _lost_screenshots),
    ("coordinates of another model", "gui_agent.py, model_type", _wrong_coordinates),
    ("validation alone trains", "ray_trainer.py, fit", _validation_alone),
    ("one lost desktop ends the run", "gui_agent.py, reset; ray_trainer.py, fit", _always(
        "a desktop that fails 8 resets has no result, and an assertion ends the whole run"
    )),
    ("replay cannot be switched off", "config.py, enable_replay", _replay_switch),
    ("replay hides its age", "ray_trainer.py, fit", _always(
        "old log-probs of a replayed success are computed again with today's weights, so its ratio is 1"
    )),
    ("replay always replaces the first rollout", "ray_trainer.py, apply_replay", _always(
        "the first trajectory of a failed group is never learnt from"
    )),
    ("the buffer is not saved", "replay_buffer.py; ray_trainer.py, _save_checkpoint", _forgotten_buffer),
    ("infeasible tasks among the others", "the task list", _infeasible),
    ("measured on what is practised", "both scripts", _own_exam),
    ("errors of an evaluator are failures", "gui_agent.py, evaluate", _always(
        "any exception while a task is scored counts as a score of 0 and is learnt from"
    )),
    ("all wait for the slowest", "ray_trainer.py, fit", _always(
        "every turn waits for the slowest environment, and all of them stand idle while the policy learns"
    )),
    ("learnt text is not the sampled one", "gui_agent.py, process_message", _always(
        "replies are decoded and tokenised again, and no log-probs of sampling are kept"
    )),
    ("groups without a difference are learnt from", "ray_trainer.py, num_invalid_group", _always(
        "groups whose rewards are alike are counted and kept; the optimizer moves by momentum and weight decay"
    )),
    ("a cut trajectory keeps its pixels", "osworld.py, truncation='right'", _cut_trajectories),
    ("tasks that never come", "ray_trainer.py, drop_last", _incomplete_batch),
    ("validation generates more than it needs", "ray_trainer.py, _validate", _padded_validation),
    ("a schedule that is not read", "fsdp_workers.py", _dead_schedule),
    ("one cache for all", "gui_agent.py, cache_dirs/cache_0", _shared_cache),
    ("the action `press` raises", "gui_agent.py, hotkey", _always(
        "`press` reads a variable that is not set, and the episode ends as unreadable"
    )),
)  # fmt: skip

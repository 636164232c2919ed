"""The parts of a run that are not the algorithm: model, tasks, desktops, rollouts, optimizer, guards."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from arpo_engine.contract.base import Strict
from arpo_engine.contract.config.task_choice import AllTasksConfig, EpochsConfig, OrderConfig, SelectionConfig


class LoraConfig(Strict):
    """Train small matrices beside the linear layers (LoRA) instead of the weights themselves."""

    rank: int = Field(0, ge=0, le=1024)
    """Inner width of the matrices; 0: no LoRA, the weights themselves are trained. Needs a higher learning rate than
    those, such as 1e-5 to 1e-4 for models of billions of weights."""
    alpha: float = Field(32.0, gt=0)
    """What the matrices add is scaled by alpha / rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Share of what the matrices read that is dropped while they learn; sampling and old log-probs drop nothing."""
    targets: tuple[str, ...] = Field(("all-linear",), min_length=1)
    """Linear layers by the last part of their name, such as `q_proj`, or `all-linear`. Layers of the vision tower are
    among them unless model.freeze_vision is on."""


class ModelConfig(Strict):
    """The policy to start from."""

    path: str = "builtin:pocket"
    """A Hugging Face folder or a hub name of a Qwen2-VL, Qwen2.5-VL or Qwen3-VL, such as those that UI-TARS was made
    from, or `builtin:pocket` for the small policy that ships with the engine."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Numbers that the weights are trained in."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models that you have read."""
    freeze_vision: bool = False
    """Leave the vision tower as it is: neither its weights nor matrices beside them (LoRA) are trained."""
    lora: LoraConfig = LoraConfig()


class TasksConfig(Strict):
    """What is practised and what is only measured."""

    source: str = "configs/tasks/pocket"
    """Folder with `<split>.json` files of tasks in OSWorld's JSON form, or an OSWorld `evaluation_examples` folder."""
    train: str = "train"
    """Split that rollouts are collected on."""
    held_out: str | None = "held_out"
    """Split that is only measured; none to measure nothing unseen."""
    only: tuple[str, ...] = ()
    """Practise these training tasks only, by id; none named: all of them. What is measured stays the same set. An
    evaluation names its tasks in evaluation.select."""
    limit: int | None = Field(None, ge=1)
    """Use the first so many training tasks only."""
    infeasible: Literal["keep", "leave_out"] = "keep"
    """Tasks of both splits that cannot be done, and are solved by saying so. `leave_out`: neither practised nor
    measured; a policy can gain on them by learning to give up. They are counted apart either way."""
    selection: SelectionConfig = AllTasksConfig()
    order: OrderConfig = EpochsConfig()


class VisionAgentConfig(Strict):
    """What all agents share that look at screenshots and answer in words."""

    max_images: int = Field(15, ge=1)
    """Most screenshots of one context; rollout.max_steps may not be more, unless history_images keeps fewer."""
    history_images: int | None = Field(None, ge=1)
    """Screenshots that the policy sees at once, the newest ones; none: all of the episode. With a number older turns
    stay as words only, and each turn from there on is trained on as a sample of its own, exactly as it was sampled."""
    actions_per_reply: int = Field(1, ge=1, le=16)
    """Most actions that one reply may hold; they are carried out without looking in between, and each counts as a step
    of rollout.max_steps. A reply with more is unreadable."""
    offer_fail: bool = True
    """The prompt offers a way to say that a task cannot be done (`call_user()`, or `terminate` with `failure`), which
    counts as OSWorld's FAIL. The published training prompt offers none, though its parser reads it."""


class UiTarsAgentConfig(VisionAgentConfig):
    """The UI-TARS reply grammar: `Thought: …` and `Action: click(start_box='(x,y)')`."""

    kind: Literal["ui_tars"] = "ui_tars"
    version: Literal["1.0", "1.5"] = "1.5"
    """1.5: coordinates are pixels of the resized screenshot; 1.0: thousandths of the screen."""
    prompt: Literal["full", "short"] = "full"
    """`full` is the published system prompt with the action space; `short` is one line, for a policy that was cloned
    with it and has a small context."""
    language: str = "English"
    syntax: Literal["start_box", "point"] = "start_box"
    """How the `full` prompt asks for places: `start_box='(x,y)'` with box tokens, or `point='<point>x y</point>'`. Both
    are read, whatever was asked for."""


class QwenVlAgentConfig(VisionAgentConfig):
    """Qwen-VL's own `computer_use` tool: one or more `<tool_call>` blocks of JSON in a reply."""

    kind: Literal["qwen_vl"] = "qwen_vl"
    series: Literal["2.5", "3"] = "2.5"
    """2.5: coordinates are pixels of the resized screenshot; 3: a grid of 1000 x 1000 that counts from 0."""


AgentConfig = Annotated[UiTarsAgentConfig | QwenVlAgentConfig, Field(discriminator="kind")]


class RolloutConfig(Strict):
    """How experience is collected."""

    mode: Literal["barrier", "lockstep", "stream"] = "barrier"
    """What waits for what. `barrier`: every episode goes on at its own pace, the learner waits for all of a step, and
    they for it. `stream`: nothing waits; episodes are begun while the learner works, and sampled by weights that are a
    little older than those that learn. `lockstep`: all desktops wait for the slowest at every turn, as in the published
    code; for comparison only."""
    max_staleness: float = Field(0.5, ge=0, le=8)
    """For `stream`: whole groups that may lie ready beyond those of the learner's next step, as a share of a step;
    while there are more, none is begun. Running ones are not counted."""
    max_version_lag: int | None = Field(4, ge=1)
    """For `stream`: updates of the weights between an episode's oldest token and its learning; an older episode leaves
    its group. None for no limit."""
    prepare_next: bool = True
    """For `barrier`: desktops that idle are reset for the next step's tasks already, while the last episodes and the
    learner are busy."""
    tasks_per_step: int = Field(6, ge=1)
    """Tasks tried in one training step."""
    group_size: int = Field(8, ge=2)
    """Rollouts of each of these tasks; GRPO compares siblings, so 2 or more."""
    max_steps: int = Field(8, ge=1)
    """Actions that an episode may take."""
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    episode_timeout_s: float = Field(300.0, gt=0)
    """An episode older than this is given up as a fault (`desktop_stuck`)."""
    retries: int = Field(2, ge=0)
    """Times that an episode lost to a fault is run again on a healthy desktop."""
    reply_timeout_s: float | None = Field(None, gt=0)
    """Longest wait for one reply, after which the generator counts as lost; none: the episode's own limit holds."""
    close_short_after_s: float | None = Field(None, ge=0)
    """Seconds that a group waits for its last rollouts once close_short_share of them are over; the others are then
    dropped. It favours short episodes, since mostly the long ones are late. None: a group waits for all."""
    close_short_share: float = Field(0.75, gt=0, le=1)
    """Share of a group's rollouts that must be over before it may be closed short."""


class RewardConfig(Strict):
    """reward = score + format_weight · format, where format is 0, or -1 when the reply could not be read."""

    format_weight: float = Field(0.5, ge=0)


class OptimizerConfig(Strict):
    """AdamW with warm-up and decay."""

    kind: Literal["adamw", "adamw_bf16"] = "adamw"
    """`adamw_bf16` keeps both moments in bfloat16 and what rounding lost in a third bfloat16 number (Kahan), which
    takes 6 instead of 8 bytes a weight and lets bfloat16 weights move by less than their own rounding; what the
    published scripts use."""
    lr: float = Field(2.5e-4, gt=0)
    """Highest learning rate."""
    warmup_steps: int = Field(5, ge=0)
    """Training steps over which the rate rises to it."""
    warmup_ratio: float | None = Field(None, ge=0, lt=1)
    """Warm-up as a share of all training steps (rounded down), instead of warmup_steps; none to use those."""
    warmup: Literal["linear", "from_zero"] = "linear"
    """`linear`: the first step already has its share of the rate. `from_zero`: the first step has rate 0, as the
    published code's schedule has it, and so teaches nothing."""
    decay: Literal["constant", "linear", "cosine"] = "cosine"
    min_lr_ratio: float = Field(0.1, ge=0, le=1)
    """Lowest rate as a share of the highest."""
    weight_decay: float = Field(0.01, ge=0)
    beta1: float = Field(0.9, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    eps: float = Field(1e-8, gt=0)
    """Added to the root of the second moment before dividing."""
    max_grad_norm: float = Field(1.0, gt=0)


class ValidationConfig(Strict):
    """Measuring without learning, with sampling settings of its own."""

    every_steps: int = Field(20, ge=0)
    """0: never. It also runs before the first step and after the last."""
    attempts: int = Field(1, ge=1)
    """Tries of each task."""
    temperature: float = Field(0.5, ge=0)
    """0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Sample from the likeliest tokens that together have this probability."""
    max_steps: int | None = Field(None, ge=1)
    """Actions that a measured episode may take; none: as many as a rollout."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Longest reply of a measured episode; none: the generator's."""
    tasks: int | None = Field(None, ge=1)
    """Measure on the first so many tasks of each split only."""
    include_train: bool = True
    """Measure on the training tasks as well as on the held-out ones."""
    before_training: bool = True
    """Measure the policy that the run starts from, too."""
    only: bool = False
    """Measure the policy that the run starts from, or its newest checkpoint, and end without training."""
    compare: int = Field(0, ge=0)
    """Episodes of each split that are kept whole at every measurement, to be laid side by side: the same tasks with the
    same noise each time, so that what differs is the policy."""


class GuardConfig(Strict):
    """Notices a policy that falls apart, says so, and goes back to the best checkpoint."""

    enabled: bool = True
    window_steps: int = Field(4, ge=1)
    """Training steps that are averaged before judging."""
    format_below: float = Field(-0.5, ge=-1, le=0)
    """Mean format reward under which the replies count as broken."""
    entropy_below: float = Field(0.01, ge=0)
    """Mean token entropy (nats) under which nothing is explored any more."""
    success_drop: float = Field(0.3, gt=0, le=1)
    """Fall of the mean success below the best window that counts as a collapse."""
    max_returns: int = Field(3, ge=0)
    """Times it may go back before the run is stopped."""
    lr_factor: float = Field(0.5, gt=0, le=1)
    """The learning rate is multiplied by this after each return."""


class CheckpointConfig(Strict):
    """What survives a crash."""

    every_steps: int = Field(10, ge=1)
    keep: int = Field(3, ge=1)
    """Newest checkpoints kept, beside the best one and the last one."""
    push_to: str | None = Field(None, pattern=r"^[\w.-]+/[\w.-]+$", max_length=120)
    """Repository of the Hugging Face hub, `owner/name`, that exports of the policy are sent to; none: nothing leaves
    this machine. A push that fails is told of and ends no run."""
    push_when: Literal["end", "best"] = "end"
    """Send the last checkpoint when the run has come to its end, or every checkpoint that is the best so far."""
    push_private: bool = True
    """Make the repository private, and send nothing to one that is public."""
    push_token_env: str = Field("HF_TOKEN", pattern=r"^HF_([A-Z0-9]+_)*TOKEN$")
    """Variable of the environment that holds a token that may write there; the token itself is never part of a
    config."""
    push_timeout_s: float = Field(1800.0, gt=0)
    """How long the end of a run waits for what is still being sent."""


class FramesConfig(Strict):
    """Which screenshots are kept and shipped."""

    sample_every: int = Field(1, ge=1)
    """Keep the screenshots of every so many-th episode; 1 keeps all."""
    max_mb: float = Field(500.0, gt=0)
    """Frames of this run on disk (MB); at the cap steps are recorded without frames, and the page says so."""
    quality: int = Field(80, ge=1, le=100)
    """WebP quality."""


class LimitsConfig(Strict):
    """When a run is over, whatever it has reached."""

    steps: int = Field(100, ge=1)
    """Training steps."""
    minutes: float | None = Field(None, gt=0)
    """Wall-clock minutes of one attempt; it stops gracefully after them."""


class EvaluationConfig(Strict):
    """For runs of kind `evaluate`."""

    split: Literal["train", "held_out", "both"] = "both"
    attempts: int = Field(4, ge=1)
    """Tries of each task; success is reported with its n/N."""
    temperature: float = Field(0.5, ge=0)
    """0 is greedy."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Sample from the likeliest tokens that together have this probability."""
    max_steps: int | None = Field(None, ge=1)
    """Actions that an episode may take; none: rollout.max_steps."""
    max_new_tokens: int | None = Field(None, ge=1)
    """Longest reply; none: the generator's."""
    tasks: int | None = Field(None, ge=1)
    """Only the first so many tasks of each split."""
    select: tuple[str, ...] = ()
    """Only tasks whose id or domain is like one of these; `*` and `?` stand for other characters. Empty: all."""
    osworld_layout: bool = False
    """Write every attempt as OSWorld's results folders too (screenshots as PNG), for its `show_result` and monitor."""

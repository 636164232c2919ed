"""What the published code does without a key for it, as rows of the same table (revision 7489ae3)."""

from __future__ import annotations

from pathlib import PurePosixPath

from arpo_engine.contract.config.verl.verdicts import Finding, Judgement, Reading, adapted, mapped

SEEN_PIXELS = 2_116_800
"""Most pixels of a screenshot that the policy sees there, written into the messages of `gui_agent.py`."""
_IN_THE_CODE: tuple[tuple[str, str, Judgement], ...] = (
    (
        "algorithm",
        "GRPO with replay, always",
        mapped("paper mode, which does what the published code does", algorithm__kind="arpo", algorithm__mode="paper"),
    ),
    (
        "replay buffer",
        "8 a task, admits above 0.1, injects below std 0.05 and mean 0.2",
        mapped(
            "replay_buffer.py, ray_trainer.py",
            algorithm__replay__enabled=True,
            algorithm__replay__capacity_per_task=8,
            algorithm__replay__admit_above=0.1,
            algorithm__replay__inject_if_std_below=0.05,
            algorithm__replay__inject_if_mean_below=0.2,
        ),
    ),
    ("advantage epsilon", "1e-6", mapped("core_algos.py", algorithm__advantage_eps=1e-6)),
    ("reward", "score + 0.5 x format", mapped("ray_trainer.py", reward__format_weight=0.5)),
    (
        "learning rate after the warm-up",
        "constant",
        mapped("fsdp_workers.py", optimizer__decay="constant", optimizer__warmup="from_zero"),
    ),
    (
        "text that is learnt from",
        "tokenised again",
        adapted("the sampled tokens; algorithm.retokenise=true does as there", algorithm__retokenise=False),
    ),
    (
        "size of a screenshot",
        f"3136 to {SEEN_PIXELS} pixels",
        mapped("gui_agent.py; no desktop's screen is smaller", model__max_pixels=SEEN_PIXELS),
    ),
    ("collapse guard", "none", mapped("", guard__enabled=False)),
    (
        "prompt",
        "the full action space",
        mapped("gui_agent.py", agent__kind="ui_tars", agent__prompt="full", agent__offer_fail=False),
    ),
)
_MACHINES = mapped(
    "the same image, from the disk that desktops.disk names; none stands ready in spare",
    desktops__kind="osworld-docker",
    desktops__spares=0,
)
_SMALL = adapted("the tasks are those of the small desktop that ships here", desktops__kind="pocket")


def implied_findings(reading: Reading) -> list[Finding]:
    """Rows for what has no key; settings of keys count over theirs."""
    small = "pocket" in PurePosixPath(str(reading.get("data.train_files"))).parts
    desktops = ("desktops", "OSWorld in virtual machines (Docker)", _SMALL if small else _MACHINES)
    return [
        Finding(
            key=f"({name})",
            written=f"({name})",
            value=value,
            origin="code",
            verdict=judgement.verdict,
            note=judgement.note,
            sets=judgement.sets,
        )
        for name, value, judgement in (*_IN_THE_CODE, desktops)
    ]

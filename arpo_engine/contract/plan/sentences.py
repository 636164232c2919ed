"""A plan in a few sentences, the same at a terminal, in preflight and on the New-run page. Knows only the plan."""

from __future__ import annotations

from arpo_engine.contract.plan.planning import Plan

AT_PACES = "at the paces that are assumed"
UNTIL_ENDED = "until whoever directs it ends it (or tryout.idle_s after their last word)"


def sentences_of(plan: Plan) -> tuple[str, ...]:
    """Memory, work, time, desktops and disk, a sentence each."""
    return (memory_of(plan), work_of(plan), time_of(plan), desktops_of(plan), disk_of(plan))


def brief_of(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The same as (what it is about, a few words)."""
    work, desktops = plan.work, plan.desktops
    memory = "not known for this model"
    if plan.parameters is not None:
        on_gpu = f"{plan.gpu_gb:,.1f} GB on each GPU, " if plan.machine.gpus else ""
        memory = f"{on_gpu}{plan.memory_gb:,.1f} GB of the computer"
    episodes = f"at most {work.rollouts:,} rollouts, {work.per_step:,} a step for {work.steps:,} steps"
    return (
        ("Memory", memory),
        ("Work", f"{episodes}{_tries(plan)}" if work.rollouts else _unlearnt(plan)),
        ("Time", UNTIL_ENDED if work.directed else f"at most {_duration(plan.hours.total_h * 3600)} {AT_PACES}"),
        ("Desktops", f"{desktops.count} at once: {desktops.gb:,.1f} GB, {_cores(plan)}"),
        ("Disk", f"at most {plan.disk.total_gb:,.1f} GB"),
    )


def memory_of(plan: Plan) -> str:
    """What it takes, where, and what takes most."""
    if plan.parameters is None:
        return f"Memory: the shape of {plan.model} is not known by its name"
    size = f"{plan.parameters / 1e9:.2f} billion" if plan.parameters >= 1e8 else f"{plan.parameters / 1e6:.2f} million"
    if not plan.machine.gpus:
        return f"Memory: {plan.whole_memory_gb:,.1f} GB for a model of {size} parameters on a processor"
    largest = plan.largest("gpu")
    return (
        f"Memory: {plan.gpu_gb:,.1f} GB on each GPU while {plan.worst}, most of it {largest.component} "
        f"({largest.gb:,.1f} GB), and {plan.memory_gb:,.1f} GB of the computer's, for a model of {size} parameters"
    )


def work_of(plan: Plan) -> str:
    """Episodes, and what one training step learns from."""
    work = plan.work
    if not work.rollouts:
        return f"Work: {_unlearnt(plan)} of at most {work.turns} turns"
    return (
        f"Work: at most {work.rollouts:,} rollouts, {work.per_step:,} a step for {work.steps:,} steps{_tries(plan)}, "
        f"{_measured(plan)} measured episodes; a trajectory of {work.turns} screenshots has up to "
        f"{work.trajectory_tokens:,} tokens, a step {work.learnt_tokens:,} in {work.updates} updates of "
        f"{work.per_update} trajectories"
    )


def time_of(plan: Plan) -> str:
    """Hours, with what is assumed."""
    hours, pace = plan.hours, plan.pace
    if plan.work.directed:
        return f"Time: {UNTIL_ENDED}"
    if not plan.work.rollouts:
        return (
            f"Time: at most {_duration(hours.total_h * 3600)}, if a reset takes {pace.reset_s:g} s, an action "
            f"{pace.action_s:g} s and a reply {pace.reply_s:g} s"
        )
    device = "GPU" if plan.machine.gpus else "processor"
    known = "" if plan.parameters is not None else ", without the learner's own time"
    return (
        f"Time: at most {_duration(hours.total_h * 3600)}{known}; a step takes {_duration(hours.rollouts_s)} on the "
        f"desktops and {_duration(hours.learner_s)} in the learner, if a reset takes {pace.reset_s:g} s, an action "
        f"{pace.action_s:g} s, a reply {pace.reply_s:g} s, and a {device} reaches {pace.mfu:.0%} of "
        f"{pace.tflops:g} TFLOP/s"
    )


def desktops_of(plan: Plan) -> str:
    """What all desktops need, wherever they are."""
    desktops = plan.desktops
    return f"Desktops: {desktops.count} at once, {desktops.gb:,.1f} GB of memory and {_cores(plan)}"


def disk_of(plan: Plan) -> str:
    """What is written."""
    disk = plan.disk
    checkpoints = f"{disk.checkpoints} checkpoints of {disk.checkpoint_gb:,.2f} GB" if disk.checkpoints else "results"
    export = f", an export of {disk.export_gb:,.1f} GB" if disk.export_gb else ""
    return (
        f"Disk: {disk.total_gb:,.2f} GB at most: {checkpoints}{export}, {disk.frames_kept_gb:,.2f} GB of screenshots "
        f"({disk.frames_gb:,.2f} GB if all were kept)"
    )


def _cores(plan: Plan) -> str:
    cores = max(1, round(plan.desktops.cores))
    return "1 core" if cores == 1 else f"{cores:,} cores"


def _unlearnt(plan: Plan) -> str:
    return "episodes as they are directed" if plan.work.directed else f"{_measured(plan)} measured episodes"


def _measured(plan: Plan) -> str:
    return "an unknown number of" if plan.work.measured is None else f"{plan.work.measured:,}"


def _tries(plan: Plan) -> str:
    if plan.work.tries is None:
        return ", the tries of tasks.selection before them (their number depends on the tasks)"
    return f", {plan.work.tries:,} tries of tasks.selection before them" if plan.work.tries else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"

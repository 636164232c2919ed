"""Which tasks are worth training on: verdicts from what a policy did with each of them. Pure; runs nothing.

The rule of the published work is "solved at least once in 16 tries" (arXiv 2505.16282); a task that is always solved
has nothing to compare either, so by default it is left out too.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from arpo_engine.contract.config.task_choice import LearnableTasksConfig
from arpo_engine.contract.selection import IN_WORDS, Choice, JudgedTask, Rule, Verdict
from arpo_engine.contract.tasks import Task
from arpo_engine.evaluation.attempts import Attempt


def tried_tasks(tasks: Sequence[Task], config: LearnableTasksConfig) -> list[Task]:
    """The tasks that are tried at all."""
    return [task for task in tasks if config.infeasible == "same_rule" or not task.infeasible]


def choose(tasks: Sequence[Task], attempts: Iterable[Attempt], config: LearnableTasksConfig) -> Choice:
    """A verdict on each task, in the order of `tasks`."""
    by_task: defaultdict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_task[attempt.task_id].append(attempt)
    tried = {task.id for task in tried_tasks(tasks, config)}
    return Choice(
        rule=rule_of(config),
        tasks=[_judged(task, by_task[task.id] if task.id in tried else None, config) for task in tasks],
    )


def rule_of(config: LearnableTasksConfig) -> Rule:
    """The settings that decide verdicts."""
    return Rule.model_validate(config.model_dump(include=set(Rule.model_fields)))


def in_words(choice: Choice) -> str:
    """`3 of 8 tasks chosen; 4 never solved, 1 always solved; infeasible: 1 chosen`."""
    told = [f"{len(choice.chosen)} of {len(choice.tasks)} tasks chosen"]
    for prefix, infeasible in (("", False), ("infeasible: ", True)):
        counts = choice.counts(infeasible=infeasible)
        shown = {verdict: n for verdict, n in counts.items() if infeasible or verdict is not Verdict.CHOSEN}
        if shown:
            told.append(prefix + ", ".join(f"{number} {IN_WORDS[verdict]}" for verdict, number in shown.items()))
    return "; ".join(told)


def _judged(task: Task, tries: Sequence[Attempt] | None, config: LearnableTasksConfig) -> JudgedTask:
    scored = [attempt for attempt in tries or () if attempt.score is not None]
    successes = sum(attempt.solved for attempt in scored)
    return JudgedTask(
        task_id=task.id,
        domain=task.domain,
        infeasible=task.infeasible,
        successes=successes,
        attempts=len(scored),
        faults=len(tries or ()) - len(scored),
        verdict=Verdict.LEFT_OUT if tries is None else _verdict(successes, len(scored), config),
    )


def _verdict(successes: int, scored: int, config: LearnableTasksConfig) -> Verdict:
    if scored < max(1, math.ceil(config.least_scored * config.attempts)):
        return Verdict.NOT_MEASURED
    if config.chooses(successes, scored):
        return Verdict.CHOSEN
    if successes in (0, scored):
        return Verdict.ALWAYS_SOLVED if successes else Verdict.NEVER_SOLVED
    too_rare = config.success_above is not None and successes / scored <= config.success_above
    return Verdict.TOO_RARELY_SOLVED if too_rare else Verdict.TOO_OFTEN_SOLVED

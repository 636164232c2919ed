"""Counts the episodes that came before there were counts. Domains come with the events of newer engines."""

from django.db import migrations

TASKS = """
    INSERT INTO analysis_seentask (run_id, task_id, instruction, domain, infeasible)
    SELECT DISTINCT ON (run_id, task_id) run_id, task_id, instruction, '', infeasible
    FROM episodes_episode ORDER BY run_id, task_id, id
"""
TALLIES = """
    INSERT INTO analysis_tasktally (task_id, attempt, split, step, successes, tries, faults, retries, superseded)
    SELECT seen.id, e.attempt, e.split, e.step, count(*) FILTER (WHERE e.score > 0.5), count(e.score),
           count(*) FILTER (WHERE e.fault <> ''), count(*) FILTER (WHERE e.retry_of <> ''), FALSE
    FROM episodes_episode AS e
    JOIN analysis_seentask AS seen ON seen.run_id = e.run_id AND seen.task_id = e.task_id
    WHERE e.ended_by <> ''
    GROUP BY seen.id, e.attempt, e.split, e.step
"""
SUPERSEDED = """
    UPDATE analysis_tasktally AS tally SET superseded = TRUE
    FROM analysis_seentask AS seen, runs_runevent AS later
    WHERE seen.id = tally.task_id AND later.run_id = seen.run_id AND later.kind = 'RunStarted'
          AND later.attempt > tally.attempt AND later.data ->> 'run_kind' = 'train'
          AND tally.step > coalesce((later.data ->> 'resumed_from_step')::integer, -1)
"""
EMPTY = ["DELETE FROM analysis_tasktally", "DELETE FROM analysis_seentask"]


class Migration(migrations.Migration):
    dependencies = [
        ("analysis", "0001_tallies"),
        ("episodes", "0002_injections_and_selection"),
        ("runs", "0001_initial"),
    ]

    operations = [migrations.RunSQL([TASKS, TALLIES, SUPERSEDED], EMPTY)]

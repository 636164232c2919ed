"""Task sets: read, checked and named by a hash."""

from arpo_engine.tasks.loading import load_split, load_tasks, task_set_hash

__all__ = ["load_split", "load_tasks", "task_set_hash"]

"""What an engine's events mean for the counts of tasks."""

from webapp.analysis.services.tallying import count_again, record_events

__all__ = ["count_again", "record_events"]

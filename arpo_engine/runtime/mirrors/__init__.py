"""A run's numbers in trackers that people already watch: mirrors beside the run's own events, never instead of them."""

from arpo_engine.runtime.mirrors.sink import with_mirrors

__all__ = ["with_mirrors"]

"""Every error that the engine raises on purpose. Each message gives the fact, the value and the cure."""

from __future__ import annotations


class ArpoError(Exception):
    """Root of all errors that a person may meet; its text is meant to be read by that person."""


class ConfigError(ArpoError):
    """A run configuration cannot be used as it is."""


class TaskError(ArpoError):
    """A task file or a task set cannot be read, or asks for something unknown."""


class ModelError(ArpoError):
    """A model folder is missing, incomplete or not of a kind that we can train."""


class CheckpointError(ArpoError):
    """A checkpoint is missing, torn or does not belong to this run."""


class ActionUnreadable(ArpoError):
    """The model's reply is not an action in the agent's grammar."""


class ContextFull(ArpoError):
    """An episode needs more tokens than the model's context holds."""


class Refused(ArpoError, ValueError):
    """Numbers that the algorithm was given allow no answer; each way in which they do not has a class of its own."""


class GroupTooSmall(Refused):
    """A group has a single member, and siblings are what is compared."""


class UnknownEstimator(Refused):
    """A quantity was asked for by a name that none has."""


class UnfitNumbers(Refused):
    """Shapes that do not belong together, a label that is no token, a divisor of zero."""


class DesktopLost(ArpoError):
    """A desktop stopped answering; the episode on it has no result."""


class DesktopStuck(DesktopLost):
    """A desktop answered too late; it is treated as lost and replaced."""


class KeyRefused(ModelError):
    """A server of models wants a key, and the one that it got, or none, is not it."""


class SetupFailed(ArpoError):
    """A desktop could not be brought into the state in which a task begins."""


class AssetMissing(SetupFailed):
    """A file that a task needs is not on this machine and cannot be fetched."""


class EvaluatorError(ArpoError):
    """A task could not be scored; there is no score, which is not a score of zero."""


class GeneratorLost(ArpoError):
    """The process that samples replies is gone."""


class LearnerLost(ArpoError):
    """A process that learns died, is out of memory or stopped answering; the run goes on from its last checkpoint."""


class NothingCollected(ArpoError):
    """A training step brought no episode that could be scored, so there is nothing to go on with."""


class PolicyCollapsed(ArpoError):
    """The policy fell apart more often than the run may go back to its best checkpoint."""


class SpoolError(ArpoError):
    """The event spool cannot be written or read back."""


class PreflightFailed(ArpoError):
    """A run cannot start where it was asked to run."""

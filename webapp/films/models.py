"""Films of episodes: who asked for which, how far each is, and until when its file is kept. Rows only."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from arpo_engine.filming.kinds import FilmKind
from webapp.accounts.models import User
from webapp.episodes.models import Episode


class FilmState(models.TextChoices):
    """How far a film is."""

    WAITING = "waiting", "waiting"
    DRAWING = "drawing", "drawing"
    DONE = "done", "done"
    FAILED = "failed", "failed"


class Film(models.Model):
    """One file of one episode, or of two beside each other. Whoever may see their runs may see it."""

    maker = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="films")
    left = models.ForeignKey(Episode, on_delete=models.CASCADE, related_name="+")
    right = models.ForeignKey(Episode, null=True, on_delete=models.CASCADE, related_name="+")
    """None: a film of one episode."""
    kind = models.CharField(max_length=4, choices=[(kind.value, kind.value) for kind in FilmKind])
    state = models.CharField(max_length=8, choices=FilmState.choices, default=FilmState.WAITING)
    drawn = models.PositiveIntegerField(default=0)
    """Pictures that are drawn, of `pictures`; begun anew when the file was too large."""
    pictures = models.PositiveIntegerField(default=0)
    begun_times = models.PositiveSmallIntegerField(default=0)
    """How often a worker took it up: one that dies over it leaves it to the next."""
    facts = models.JSONField(default=dict)
    """A `FilmFacts` once it is done."""
    message = models.TextField(blank=True)
    """Why it could not be made, and what to do."""
    created_at = models.DateTimeField(default=timezone.now)
    touched_at = models.DateTimeField(default=timezone.now)
    """When it was last heard of."""
    expires_at = models.DateTimeField()
    """When its file goes; it can be made again then."""

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="films_film_expires")]

    def __str__(self) -> str:
        return f"film {self.pk} of {self.left}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in (FilmState.DONE, FilmState.FAILED)

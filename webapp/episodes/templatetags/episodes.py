"""Outcomes, actions and advantage bars as templates show them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from arpo_engine.contract.action_words import action_words
from webapp.counted import counted
from webapp.episodes.models import Episode, ReplayInjection
from webapp.episodes.words import action_icon, ending_of, outcome_of
from webapp.runs.templatetags.console import icon, signed

register = template.Library()

BAR_HALF = 36.0
TRACK_HEIGHT = 16.0
BAR_FULL_ADVANTAGE = 2.5
"""An advantage of this size fills its half of the bar: one success among eight."""


@register.simple_tag
def outcome(episode: Episode) -> SafeString:
    """The outcome as a chip: icon, word, colour."""
    found = outcome_of(episode)
    return format_html('<span class="chip {}">{}{}</span>', found.tone, icon(found.icon), found.word)


@register.filter
def ending(episode: Episode) -> str:
    """Why the episode ended."""
    return ending_of(episode)


@register.filter
def words(action: dict[str, Any] | None) -> str:
    """An action in a few words."""
    return action_words(action)


@register.simple_tag
def act_icon(action: dict[str, Any] | None) -> SafeString:
    """The icon of an action."""
    return icon(action_icon(action))


@register.filter
def as_json(value: Any) -> str:
    """A value for a data attribute; the template escapes it."""
    return json.dumps(value)


@register.simple_tag
def frame_url(run_id: str, sha256: str) -> str:
    """Where a screenshot is."""
    return reverse("frame", args=[run_id, sha256]) if sha256 else ""


@register.simple_tag
def thumb_url(run_id: str, sha256: str) -> str:
    """Where the small picture of a screenshot is."""
    return reverse("episodes:thumb", args=[run_id, sha256]) if sha256 else ""


@register.filter
def at(values: Sequence[Any], place: int) -> Any:
    """The value in this place of a sequence."""
    return values[place]


@register.simple_tag
def advantage_bar(value: float | None, full: float = BAR_FULL_ADVANTAGE) -> SafeString:
    """The advantage as a bar to the left or right of nothing, with the number beside it; `full` fills its half."""
    if value is None:
        return SafeString('<span class="muted">no advantage</span>')
    length = min(abs(value) / full, 1.0) * BAR_HALF
    start = BAR_HALF if value >= 0 else BAR_HALF - length
    return format_html(
        '<span class="adv {}"><svg viewBox="0 0 72 10" aria-hidden="true"><rect x="{}" y="1" width="{}" height="8"/>'
        '<path d="M36 0v10"/></svg><span>{}</span></span>',
        "up" if value > 0 else "down" if value < 0 else "flat",
        f"{start:.1f}", f"{length:.1f}", signed(value),
    )  # fmt: skip


@register.filter
def injection_age(injection: ReplayInjection) -> str:
    """How old a remembered success was when it was given back; empty where an older engine did not say."""
    steps = injection.age_steps
    return "" if steps is None else f"{counted(steps, 'step')} old"


@register.filter
def advantage_change(injection: ReplayInjection) -> str:
    """The advantage of the failed try, and that of the success in its place."""
    if injection.advantage_before is None or injection.advantage_after is None:
        return ""
    return f"advantage {signed(injection.advantage_before)} → {signed(injection.advantage_after)}"


@register.filter
def count_up(number_of: int) -> range:
    """Something to repeat a mark so many times."""
    return range(min(number_of, 32))


@register.simple_tag
def wait_track(columns: Sequence[dict[str, Any]], episode: Episode) -> SafeString:
    """Where an episode's time went, above its scrubber: sampling below, the desktop on top; its end in its tone."""
    tallest = max((one["generate_s"] + one["act_s"] for one in columns), default=0.0) or 1.0
    bars = format_html_join(
        "",
        '<rect class="generate" x="{0}" y="{1}" width="0.8" height="{2}"/><rect class="act" x="{0}" y="{3}" width="0.8"'
        ' height="{4}"/>{5}',
        (_track_column(place, one, tallest) for place, one in enumerate(columns)),
    )
    end = format_html(
        '<rect class="end {}" x="{}" y="0" width="0.8" height="16"/>', outcome_of(episode).tone, len(columns)
    )
    sampling, acting = (sum(one[name] for one in columns) for name in ("generate_s", "act_s"))
    words = f"Waited {sampling:.1f} s for replies and {acting:.1f} s for the desktop; longest column {tallest:.2f} s"
    return format_html(
        '<svg class="wait-track" role="img" aria-label="{0}" viewBox="0 0 {1} {2}" preserveAspectRatio="none">'
        "<title>{0}</title>{3}{4}</svg>",
        words, len(columns) + 1, f"{TRACK_HEIGHT:g}", bars, end if episode.ended_by else "",
    )  # fmt: skip


def _track_column(place: int, one: dict[str, Any], tallest: float) -> tuple[Any, ...]:
    sampled = one["generate_s"] / tallest * TRACK_HEIGHT
    acted = one["act_s"] / tallest * TRACK_HEIGHT
    unreadable = format_html('<rect class="unreadable" x="{}" y="0" width="0.8" height="3"/>', place)
    mark = unreadable if one["unreadable"] else ""
    low = TRACK_HEIGHT - sampled
    return place, f"{low:.2f}", f"{sampled:.2f}", f"{low - acted:.2f}", f"{acted:.2f}", mark

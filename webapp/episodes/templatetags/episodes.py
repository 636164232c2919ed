"""Outcomes, actions and advantage bars as templates show them."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.episodes.models import Episode, ReplayInjection
from webapp.episodes.words import action_icon, action_words, ending_of, outcome_of
from webapp.runs.templatetags.console import icon, signed

register = template.Library()

BAR_HALF = 36.0
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
def advantage_bar(value: float | None) -> SafeString:
    """The advantage as a bar to the left or right of nothing, with the number beside it."""
    if value is None:
        return SafeString('<span class="muted">no advantage</span>')
    length = min(abs(value) / BAR_FULL_ADVANTAGE, 1.0) * BAR_HALF
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
    return "" if steps is None else f"{steps} step{'' if steps == 1 else 's'} old"


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

"""Words of the queue and of what is planned: times to come, what a preset locks. Asks no rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def soon(moment: datetime) -> SafeString:
    """A time that is yet to come: about how long until then, with the exact time on hover."""
    left = moment - timezone.now()
    utc = moment.astimezone(timezone.get_fixed_timezone(0))
    words = "any moment" if left < timedelta(seconds=60) else f"in about {_roughly(left.total_seconds())}"
    return format_html('<time datetime="{}" title="{}">{}</time>', utc.isoformat(), f"{utc:%Y-%m-%d %H:%M} UTC", words)


@register.filter
def any_below(paths: Sequence[str], group: str) -> bool:
    """Whether one of the dotted paths is this group or lies in it."""
    return any(path == group or path.startswith(f"{group}.") for path in paths)


@register.filter
def has(mapping: Mapping[str, Any] | None, key: str) -> bool:
    """Whether a mapping has the key that is itself a variable; nothing has none."""
    return mapping is not None and key in mapping


def _roughly(seconds: float) -> str:
    """Minutes, or hours, or days: a guess is no more exact than that."""
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"

"""Numbers, times, states and icons as every page shows them. Knows rows and words; asks the database nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from webapp.figure_style import run_colour
from webapp.runs.models import RunEvent
from webapp.runs.timeline import TimelineLine, describe

register = template.Library()

STATUS_WORDS = ("queued", "preparing", "running", "stopping", "paused", "finished", "stopped", "failed", "lost")
SPARK_WIDTH, SPARK_HEIGHT = 72.0, 20.0


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite. Without a label it is decoration, and a word must stand beside it."""
    if label:
        address = f"{static('icons.svg')}#{name}"
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, address)
    return _decoration(name)


@lru_cache(maxsize=128)
def _decoration(name: str) -> SafeString:
    """Some seventy on a page, of a few that there are: working out the address of each costs more than the rows do."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name)


@register.simple_tag
def status(word: str) -> SafeString:
    """A run's status: a shape of its own, the word, and a colour."""
    name = word if word in STATUS_WORDS else "lost"
    return format_html('<span class="status status-{}">{}<span>{}</span></span>', name, icon(name), word)


@register.filter
def percent(share: float | None) -> str:
    """ "37.5 %" of a share in [0, 1]."""
    return "–" if share is None else f"{100 * share:.1f} %"


@register.filter
def number(value: float | None) -> str:
    """Three to four significant digits."""
    if value is None or not math.isfinite(value):
        return "–"
    if value != 0 and (abs(value) < 0.001 or abs(value) >= 1e6):
        return f"{value:.2e}"
    text = f"{value:.4g}"
    return text if "e" not in text else f"{value:.0f}"


@register.filter
def signed(value: float | None) -> str:
    """A number with its sign, for what is compared with a baseline."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    return f"{'+' if value >= 0 else '−'}{number(abs(value))}"


@register.filter
def duration(value: float | timedelta | None) -> str:
    """ "1 h 04 m", "12 m 30 s", "8 s"."""
    if value is None:
        return "–"
    seconds = max(0, round(value.total_seconds() if isinstance(value, timedelta) else value))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} m"
    return f"{seconds // 86400} d {seconds % 86400 // 3600:02d} h"


@register.filter
def megabytes(size: int | None) -> str:
    """Bytes as MB (10^6)."""
    return "–" if size is None else f"{size / 1e6:.1f} MB"


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """A time that the page keeps up to date; a script-less browser sees the date."""
    if moment is None:
        return SafeString("–")
    utc = moment.astimezone(timezone.get_fixed_timezone(0))
    return format_html('<time datetime="{}" data-ago>{} UTC</time>', utc.isoformat(), f"{utc:%Y-%m-%d %H:%M}")


@register.simple_tag
def running_time(started: datetime | None, ended: datetime | None) -> SafeString:
    """How long something took; while it has not ended the page counts on."""
    if started is None:
        return SafeString("–")
    if ended is not None:
        return format_html("<span>{}</span>", duration(ended - started))
    so_far = duration(timezone.now() - started)
    return format_html('<span data-since="{}">{}</span>', started.isoformat(), so_far)


@register.simple_tag
def sparkline(values: Sequence[float | None] | None, label: str = "success") -> SafeString:
    """A small curve of success between 0 and 1, drawn on the server."""
    points = [(place, value) for place, value in enumerate(values or ()) if value is not None and math.isfinite(value)]
    if len(points) < 2:
        return SafeString('<span class="muted">–</span>')
    last = max(place for place, _ in points) or 1
    drawn = [
        (place / last * SPARK_WIDTH, (1 - min(1.0, max(0.0, value))) * (SPARK_HEIGHT - 2) + 1)
        for place, value in points
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    words = f"{label} from {points[0][1]:.0%} to {points[-1][1]:.0%}"
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="none">'
        '<polyline points="{}"/></svg>',
        f"{SPARK_WIDTH:g}", f"{SPARK_HEIGHT:g}", words, line,
    )  # fmt: skip


@register.simple_tag
def run_swatch(run_id: str) -> SafeString:
    """The run's own colour, the same on every page."""
    return format_html(
        '<svg class="swatch" aria-hidden="true" viewBox="0 0 10 10">'
        '<rect width="10" height="10" rx="3" fill="{}"/></svg>',
        run_colour(run_id),
    )


@register.filter
def as_list_text(value: object) -> str:
    """A list as its box shows it, in words that YAML reads back as they were; what somebody typed stays as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | tuple) else str(value or "")


@register.filter
def with_code(text: str) -> SafeString:
    """A docstring's text: escaped, with what stands in backticks as code."""
    parts = text.split("`")
    return SafeString(
        "".join(f"<code>{escape(part)}</code>" if place % 2 else escape(part) for place, part in enumerate(parts))
    )


@register.filter
def lookup(mapping: Mapping[str, Any], key: str) -> Any:
    """A mapping's value by a key that is itself a variable."""
    return mapping.get(key)


@register.simple_tag(takes_context=True)
def url_with(context: template.Context, **changes: object) -> str:
    """This page's address with some of its parameters changed; an empty value takes one out."""
    query = context["request"].GET.copy()
    query.pop("after", None)
    for key, value in changes.items():
        if value in (None, ""):
            query.pop(key, None)
        else:
            query[key] = str(value)
    return "?" + query.urlencode() if query else "."


@register.filter
def gigabytes(megabytes_used: float | None) -> str:
    """Megabytes as GB, as memory is spoken of."""
    return "–" if megabytes_used is None else f"{megabytes_used / 1000:.1f} GB"


@register.filter
def cut_underscores(word: str) -> str:
    """A key in words."""
    return word.replace("_", " ")


@register.simple_tag
def timeline_line(event: RunEvent) -> TimelineLine:
    """One event in a sentence."""
    return describe(event.kind, event.data)

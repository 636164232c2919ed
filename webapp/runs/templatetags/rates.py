"""A success rate as pages show it, and the switch that says what becomes of faults."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.runs.rates import Faults, Rate

register = template.Library()


@register.simple_tag(takes_context=True)
def rate(context: template.Context, successes: int | None, attempts: int | None, faults: int | None = 0) -> SafeString:
    """The share with its n/N, and its interval beside it, with faults as the page counts them."""
    return drawn(_rate(context, successes, attempts, faults))


@register.simple_tag(takes_context=True)
def rate_share(context: template.Context, successes: int, attempts: int, faults: int | None = 0) -> str:
    """The share with its n/N alone, for a column of its own."""
    return _rate(context, successes, attempts, faults).text


@register.simple_tag(takes_context=True)
def rate_interval(context: template.Context, successes: int, attempts: int, faults: int | None = 0) -> str:
    """The interval alone, for a column of its own."""
    return _rate(context, successes, attempts, faults).interval_text


@register.filter
def drawn(value: Rate) -> SafeString:
    """A rate that was worked out already."""
    if value.share is None:
        return SafeString('<span class="rate">–</span>')
    return format_html(
        '<span class="rate"><span class="rate-share">{}</span> '
        '<span class="rate-interval muted small" title="95 % interval (Wilson); infrastructure faults are {}">{}</span>'
        "</span>",
        value.text, value.counting.words, value.interval_text,
    )  # fmt: skip


@register.inclusion_tag("runs/parts/fault_switch.html", takes_context=True)
def fault_switch(context: template.Context) -> dict[str, Any]:
    """Two buttons: faults left out, or counted as failures."""
    return {
        "choices": [(choice.value, choice.words) for choice in Faults],
        "counting": _counting(context),
        "request": context["request"],
        "csrf_token": context.get("csrf_token"),
    }


def _rate(context: template.Context, successes: int | None, attempts: int | None, faults: int | None) -> Rate:
    return Rate(successes=successes or 0, attempts=attempts or 0, faults=faults or 0, counting=_counting(context))


def _counting(context: template.Context) -> Faults:
    return Faults(context.get("counting") or Faults.LEFT_OUT)

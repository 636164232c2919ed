"""Bytes as people say them. Asks the database nothing."""

from __future__ import annotations

from django import template

from webapp.counted import counted

register = template.Library()


@register.filter
def in_bytes(size: int) -> str:
    """ "41 GB", "3.2 MB", "0 B": powers of ten, as disks are sold; a digit after the point below ten."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" or value == int(value) else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


@register.filter
def days(number: int | None) -> str:
    """ "after 30 days"; "never" for None."""
    return "never" if number is None else f"after {counted(number, 'day')}"

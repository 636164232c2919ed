"""Phases of desktops as templates show them."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.fleet.words import look_of
from webapp.runs.templatetags.console import icon

register = template.Library()


@register.simple_tag
def phase(word: str, note: str = "") -> SafeString:
    """A phase as a chip: a shape of its own, the word, a colour; the sentence behind it for whoever points at it."""
    look = look_of(word)
    return format_html(
        '<span class="chip phase {}" title="{}">{}{}</span>', look.tone, note or look.says, icon(look.icon), look.word
    )

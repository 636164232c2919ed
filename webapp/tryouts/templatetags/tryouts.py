"""A try-out's state as every page shows it: a shape, a word, a sentence."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from webapp.runs.templatetags.console import icon
from webapp.tryouts.words import state_words

register = template.Library()


@register.simple_tag
def try_state(state: str) -> SafeString:
    """Icon and word, with the sentence for whoever points at it."""
    name, word, sentence = state_words(state)
    return format_html('<span class="status" title="{}">{}<span>{}</span></span>', sentence, icon(name), word.lower())

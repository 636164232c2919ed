"""Forms of the fleet's pages."""

from __future__ import annotations

from django import forms


class JoinTokenForm(forms.Form):
    """Let machines join."""

    name = forms.CharField(max_length=80, label="For which machines?")
    hours = forms.IntegerField(min_value=1, max_value=720, initial=24, label="Hours until it ends")
    several = forms.BooleanField(required=False, label="Good for several machines")

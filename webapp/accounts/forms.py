"""Forms of the accounts pages: what may be typed, before a service is asked."""

from __future__ import annotations

from django import forms

from webapp.accounts.models import ApiToken, Role


class MemberForm(forms.Form):
    """Add somebody to the team."""

    username = forms.RegexField(
        r"^[\w.@+-]+$",
        max_length=150,
        label="User name",
        error_messages={"invalid": "Use letters, digits and @ . + - _ only."},
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.RUNNER)


class RoleForm(forms.Form):
    """Give a member another role."""

    role = forms.ChoiceField(choices=Role.choices)


class TokenForm(forms.Form):
    """Make an API token."""

    name = forms.CharField(max_length=80, label="What is it for?")
    scopes = forms.MultipleChoiceField(
        choices=ApiToken.Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one thing that the token may do."},
    )
    days = forms.IntegerField(
        min_value=1, max_value=3650, required=False, label="Days until it ends", help_text="Empty: it does not end."
    )

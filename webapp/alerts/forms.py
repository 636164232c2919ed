"""Forms of the alerts page."""

from __future__ import annotations

from django import forms

from webapp.alerts.models import CHOICES, Route


class RouteForm(forms.Form):
    """Somewhere outside to tell."""

    way = forms.ChoiceField(choices=Route.Way.choices, label="How")
    label = forms.CharField(max_length=80, label="Name")
    address = forms.CharField(max_length=500, label="E-mail address or webhook URL")
    kinds = forms.MultipleChoiceField(choices=CHOICES, required=False, label="Only these")


class RuleForm(forms.Form):
    """What one kind is raised at."""

    kind = forms.ChoiceField(choices=CHOICES)
    enabled = forms.BooleanField(required=False)
    threshold = forms.FloatField(required=False)


class MuteForm(forms.Form):
    """For how long a run's alerts are not sent; 0: send them."""

    hours = forms.IntegerField(min_value=0, max_value=168)

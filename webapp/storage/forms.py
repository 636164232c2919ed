"""The form of a team's rules of what is deleted with time."""

from __future__ import annotations

from typing import Any, Final

from django import forms

from webapp.counted import counted
from webapp.storage.plan import Rules

MOST_DAYS: Final = 36500
MOST_KEPT: Final = 1000


class RulesForm(forms.Form):
    """Days since a run's end; an empty box: never."""

    thin_days = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Thin screenshots",
        help_text="First, last and failing steps of each episode stay, and those with a note.",
    )  # fmt: skip
    frame_days = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Delete all screenshots",
        help_text="Episodes and their words stay.",
    )  # fmt: skip
    checkpoint_days = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Delete checkpoints",
        help_text="The best one and the latest stay.",
    )  # fmt: skip
    keep_last = forms.IntegerField(
        min_value=1, max_value=MOST_KEPT, label="Latest checkpoints that stay", help_text="Beside the best one.",
    )  # fmt: skip
    event_days = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Delete the log of steps",
        help_text="Curves, episodes and the timeline stay.",
    )  # fmt: skip

    folder_days = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_DAYS, label="Delete folders of archived runs",
        help_text="With all checkpoints, the best one too. Counted from the day on which a run was archived.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """A thinning that comes after everything is deleted would do nothing."""
        found = super().clean() or self.cleaned_data
        thin, drop = found.get("thin_days"), found.get("frame_days")
        if thin is not None and drop is not None and thin >= drop:
            self.add_error(
                "thin_days",
                f"All screenshots go after {counted(drop, 'day')}, so thinning after {thin} does nothing; thin "
                "earlier, or delete later.",
            )
        return found

    def rules(self) -> Rules:
        """What was filled in; only for a form that is valid."""
        return Rules(**self.cleaned_data)

"""A run beside the published pipeline: the page, and the same as Markdown and as JSON to keep."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.shortcuts import render

from arpo_engine.contract.fidelity.rows import FidelityReport, Likeness
from arpo_engine.contract.fidelity.writing import as_json_text, as_markdown
from webapp.accounts.decorators import PersonRequest, signed_in
from webapp.runs.fidelity import PUBLISHED, fidelity_visible_to
from webapp.runs.models import Run
from webapp.runs.views.detail import run_frame, visible_run

TONES = {Likeness.SAME: "good", Likeness.ADAPTED: "warn", Likeness.DIFFERENT: "bad", Likeness.UNCHECKED: ""}
ICONS = {Likeness.SAME: "check", Likeness.ADAPTED: "info", Likeness.DIFFERENT: "warning", Likeness.UNCHECKED: "search"}


@signed_in
def page(request: PersonRequest, run_id: str) -> HttpResponse:
    """Component by component, each with both values and the evidence."""
    run = visible_run(request, run_id)
    against = _asked(request)
    report = fidelity_visible_to(request.user, run, against)
    context = {
        **run_frame(request, run, "fidelity"),
        "report": report,
        "against": against,
        "published": PUBLISHED,
        "counts": [(word.value, TONES[word], ICONS[word], count) for word, count in report.counts.items()]
        if report
        else (),
        "rows": [(row, TONES[row.likeness], ICONS[row.likeness]) for row in report.rows] if report else (),
    }
    return render(request, "runs/fidelity.html", context)


@signed_in
def markdown(request: PersonRequest, run_id: str) -> HttpResponse:
    """The report as a document."""
    run, report = _report(request, run_id)
    return _download(as_markdown(report), "text/markdown; charset=utf-8", f"fidelity-{run.pk}.md")


@signed_in
def data(request: PersonRequest, run_id: str) -> HttpResponse:
    """The report for a program."""
    run, report = _report(request, run_id)
    return _download(as_json_text(report), "application/json", f"fidelity-{run.pk}.json")


def _report(request: PersonRequest, run_id: str) -> tuple[Run, FidelityReport]:
    run = visible_run(request, run_id)
    report = fidelity_visible_to(request.user, run, _asked(request))
    if report is None:
        raise Http404("The config of this run is of another version, so it cannot be compared.")
    return run, report


def _asked(request: PersonRequest) -> str:
    """The published run that the address names; the nearest one where it names none."""
    word = request.GET.get("against", "")
    return word if word in PUBLISHED else ""


def _download(text: str, media_type: str, name: str) -> HttpResponse:
    answer = HttpResponse(text, content_type=media_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer

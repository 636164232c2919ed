"""Figures as a table for a terminal: all tasks, infeasible ones apart, then by domain."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from arpo_engine.contract.figures import Figures, Report


def figures_table(title: str, report: Report, *, infeasible_known: bool = True) -> Table:
    """One measurement. `infeasible_known`: whether the source says which tasks cannot be done."""
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("tasks of")
    for name in ("tasks", "solved", "success", "95 % interval", "pass@1 mean ± sd", "pass@k", "score", "faults"):
        table.add_column(name, justify="right")
    _row(table, "all feasible" if infeasible_known else "all tasks", report.feasible)
    if report.infeasible.attempts or report.infeasible.faults:
        _row(table, "infeasible (apart)", report.infeasible)
    if len(report.domains) > 1:
        table.add_section()
        for domain, figures in report.domains.items():
            _row(table, domain, figures)
    return table


def _row(table: Table, name: str, figures: Figures) -> None:
    table.add_row(
        escape(name),
        str(figures.tasks),
        f"{figures.successes}/{figures.attempts}",
        _percent(figures.success),
        f"{figures.interval[0]:.1%} – {figures.interval[1]:.1%}" if figures.interval else "–",
        _spread(figures),
        "  ".join(f"@{k} {share:.1%}" for k, share in figures.pass_at.items() if k > 1) or "–",
        f"{figures.mean_score:.3f}" if figures.mean_score is not None else "–",
        str(figures.faults),
    )


def _spread(figures: Figures) -> str:
    if figures.pass1_mean is None:
        return "–"
    spread = f" ± {figures.pass1_sd:.1%} (n={figures.trials})" if figures.pass1_sd is not None else " (n=1)"
    return f"{figures.pass1_mean:.1%}{spread}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"

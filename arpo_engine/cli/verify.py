"""`python -m arpo_engine verify`: a run, a config or a written claim beside the pipeline of the published ARPO code.

Starts nothing and changes nothing but the files that `--markdown` and `--json` name. What differs is no failure: the
exit code is 0 unless the input cannot be read.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from arpo_engine.cli.run_folders import run_folder
from arpo_engine.cli.scripts import load_any
from arpo_engine.conformance.fidelity.checks import checks_of
from arpo_engine.conformance.fidelity.claims import check_claims
from arpo_engine.conformance.fidelity.runs import read_run
from arpo_engine.contract.config import load_config
from arpo_engine.contract.config.verl.published_run import NAMES, PublishedRun, nearest_to, published_run
from arpo_engine.contract.errors import ConfigError
from arpo_engine.contract.fidelity.components import compare_config, with_checks
from arpo_engine.contract.fidelity.recorded import report_of_run
from arpo_engine.contract.fidelity.rows import FidelityReport, Likeness
from arpo_engine.contract.fidelity.writing import as_json_text, as_markdown, cells, counted

MAX_BYTES = 2_000_000
"""Largest document of claims; the longest README has some hundred kilobytes."""
TABLE_WIDTH = 160
OK = 0
STYLES = {
    Likeness.SAME: "green", Likeness.ADAPTED: "yellow", Likeness.DIFFERENT: "bold red", Likeness.UNCHECKED: "dim",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to look at, and where else to write the answer."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", metavar="ID", help="a run of the console by its id, or a run folder")
    what.add_argument(
        "--config", type=Path, metavar="FILE", help="our YAML, or a script or YAML file of ARPO or EasyR1"
    )
    what.add_argument("--claims", type=Path, metavar="FILE", help="a Markdown document that says what a pipeline is")
    parser.add_argument(
        "--against", choices=NAMES, help="the published run to lay it beside (default: the one that it is nearest to)"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the report as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Compare, print and write."""
    against = published_run(arguments.against) if arguments.against else None
    if arguments.run:
        report = _of_run(run_folder(arguments.run), against)
    elif arguments.config:
        config = load_any(arguments.config)
        reference = against or nearest_to(config)
        rows = with_checks(compare_config(config, reference), checks_of(config))
        report = FidelityReport(subject=str(arguments.config), rows=rows, reference=reference.title)
    else:
        if against is not None:
            raise ConfigError(
                f"--against {against.name} is for --run and --config; a document is read beside both published runs, "
                "so leave --against out"
            )
        report = check_claims(_document(arguments.claims), str(arguments.claims))
    _show(report)
    if arguments.markdown:
        _write(arguments.markdown, as_markdown(report), "--markdown")
    if arguments.json:
        _write(arguments.json, as_json_text(report), "--json")
    return OK


def _of_run(folder: Path, against: PublishedRun | None) -> FidelityReport:
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{folder} holds no config.json; give a run folder, such as runs/NAME")
    config = load_config(folder / "config.json")
    return report_of_run(str(folder), config, read_run(folder, config), against)


def _document(path: Path) -> str:
    """A text file of moderate size.

    Raises:
        ConfigError: it is none.
    """
    try:
        if not path.is_file():
            raise ConfigError(f"there is no file {path}; give the path of a text file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give a file that you may read") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path} has more than {MAX_BYTES} bytes; cut out the part that makes the claims")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text (byte {error.start}); give a text file") from error
    if "\0" in text:
        raise ConfigError(f"{path} holds zero bytes, so it is no text; give a text file")
    return text


def _show(report: FidelityReport) -> None:
    console = Console(width=None if os.isatty(1) else TABLE_WIDTH)
    table = Table(title=escape(report.subject), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("component", "verdict", "here", "published", "evidence"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "verdict")
    for row in report.rows:
        table.add_row(*(escape(part) for part in cells(row)), style=STYLES[row.likeness])
    console.print(table)
    console.print(counted(report), markup=False, highlight=False)
    if report.reference:
        console.print(f"Beside {report.reference}.", markup=False, highlight=False)
    for note in report.notes:
        console.print(note, markup=False, highlight=False)


def _write(path: Path, text: str, option: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; give another file with {option}") from error
    print(f"wrote {path}")

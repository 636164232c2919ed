"""A pasted command of OSWorld's runner for the new-run page: the verdict on each parameter, and an evaluation to start.

The same answer as `evaluate --from`; nothing of the command is executed, and no file that it names is opened.
"""

from __future__ import annotations

from typing import Final

from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig, apply_overrides, explain
from arpo_engine.contract.config.osworld_runner import DEFAULTS, Parameter, Verdict, read_runner
from arpo_engine.contract.config.verl import cautions_of
from arpo_engine.contract.errors import ConfigError
from webapp.runs.forms import PastedYamlError
from webapp.runs.imported import LONGEST_VALUE, ImportedPage, KeyRow

TONES: Final[dict[Verdict, str]] = {"mapped": "good", "adapted": "warn", "inert": "", "refused": "bad"}
_ORDER: Final[tuple[Verdict, ...]] = ("refused", "mapped", "adapted", "inert")


def import_runner(text: str) -> ImportedPage:
    """Import a pasted command of the runner.

    Raises:
        PastedYamlError: the text cannot be used at all; it says why and what to do.
    """
    try:
        command = read_runner(text)
        names = (one.value for one in command.parameters if one.name == "model" and one.verdict != "refused")
        model = next(names, DEFAULTS["model"])
        tree = apply_overrides({"title": f"Evaluation of {model}"[:120]}, command.settings)
    except ConfigError as error:
        raise PastedYamlError(f"This could not be imported: {error}.") from error
    problems: tuple[tuple[str, str], ...] = ()
    config: RunConfig | None = None
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        problems = tuple(explain(error))
    return ImportedPage(
        rows=tuple(_row(one) for verdict in _ORDER for one in command.parameters if one.verdict == verdict),
        counts=tuple(
            (verdict, tone, sum(one.verdict == verdict for one in command.parameters))
            for verdict, tone in TONES.items()
        ),
        refused=len(command.refused),
        tree=config.model_dump(mode="json") if config is not None else tree,
        notes=(),
        others=(),
        problems=problems,
        faults=(),
        plan=None,
        cautions=cautions_of(config) if config is not None else (),
    )


def _row(parameter: Parameter) -> KeyRow:
    return KeyRow(
        verdict=parameter.verdict,
        tone=TONES[parameter.verdict],
        key=f"--{parameter.name}",
        value=parameter.value[:LONGEST_VALUE],
        becomes=parameter.told,
    )

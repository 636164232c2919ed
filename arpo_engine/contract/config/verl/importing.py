"""ARPO's, EasyR1's words in, a `RunConfig` and a verdict on every key out. Executes nothing, opens no file by itself.

The caller hands over `read_file`, through which files that the script names may be had.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, get_args

from pydantic import ValidationError

from arpo_engine.contract.config.explaining import explain
from arpo_engine.contract.config.run import RunConfig
from arpo_engine.contract.config.verl import rules_algorithm, rules_data, rules_trainer, rules_worker
from arpo_engine.contract.config.verl.implied import implied_findings
from arpo_engine.contract.config.verl.layers import ReadFile, Setting, read_layers, scalar
from arpo_engine.contract.config.verl.published import SPELLINGS, TASK_LISTS
from arpo_engine.contract.config.verl.verdicts import Finding, Judgement, Reading, Refusal, Rule, Verdict
from arpo_engine.contract.errors import ConfigError

RULES: dict[str, Rule] = {
    **rules_data.RULES,
    **rules_algorithm.RULES,
    **rules_worker.RULES,
    **rules_trainer.RULES,
}
"""Every key that is known, in the spelling of the published code."""
STORY = "Imported from a command of the published ARPO code; every key and what became of it is in the key table."


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The answer to a pasted command."""

    findings: tuple[Finding, ...]
    reading: Reading
    tree: Mapping[str, Any]
    """Our settings, nested."""
    config: RunConfig | None
    """None when a key is refused, or the settings contradict each other."""
    problems: tuple[tuple[str, str], ...]
    """What our own check says of the settings: (field, sentence)."""
    others: tuple[str, ...]
    """Other commands in the text; none was executed."""
    notes: tuple[str, ...]

    @property
    def refused(self) -> tuple[Finding, ...]:
        """Keys that cannot be done here."""
        return tuple(finding for finding in self.findings if finding.verdict is Verdict.REFUSED)

    @property
    def counts(self) -> dict[Verdict, int]:
        """How many keys have each verdict."""
        return {verdict: sum(finding.verdict is verdict for finding in self.findings) for verdict in Verdict}

    def ready(self) -> RunConfig:
        """The config, if nothing stands against it.

        Raises:
            ConfigError: with one line for each refused key or contradiction.
        """
        if self.config is not None:
            return self.config
        lines = [f"{finding.written}: {finding.note}" for finding in self.refused]
        raise ConfigError("\n".join(lines + [f"{field}: {sentence}" for field, sentence in self.problems]))


def nothing_to_read(path: str) -> None:
    """For callers that have no files, such as a pasted text."""
    return


def import_verl(text: str, *, words: Iterable[str] = (), read_file: ReadFile = nothing_to_read) -> Imported:
    """Import a script, a command line or a YAML file of the published ARPO code or of EasyR1.

    `words` are further `key=value` settings: in the trainer's words, or in ours where the trainer has no such key.

    Raises:
        ConfigError: the text as a whole is none of these, or too large.
    """
    theirs, ours = _sorted_words(words)
    layers = read_layers(text, theirs, read_file)
    reading = Reading(
        settings=layers.settings, tasks=_count_tasks(layers.settings, read_file), is_command=layers.is_command
    )
    findings = [*implied_findings(reading), *(_judge(setting, reading) for setting in layers.settings.values())]
    findings += [_stray(word) for word in layers.strays]
    tree: dict[str, Any] = {"kind": "train", "story": STORY}
    for finding in findings:
        for path, value in finding.sets.items():
            _put(tree, path, value)
    for path, value in ours.items():
        _put(tree, path, value)
        _leave_out_others(tree, path)
    config, problems = _checked(tree, findings)
    return Imported(
        findings=tuple(findings),
        reading=reading,
        tree=tree,
        config=config,
        problems=tuple(problems),
        others=layers.others,
        notes=tuple(layers.notes),
    )


def _judge(setting: Setting, reading: Reading) -> Finding:
    judgement = _judgement(setting, reading)
    return Finding(
        key=setting.key,
        written=setting.written,
        value=setting.value,
        origin=setting.origin,
        verdict=judgement.verdict,
        note=judgement.note,
        sets=judgement.sets,
    )


def _judgement(setting: Setting, reading: Reading) -> Judgement:
    if setting.problem:
        return Judgement(verdict=Verdict.REFUSED, note=setting.problem)
    rule = RULES.get(setting.key)
    if rule is None:
        return Judgement(verdict=Verdict.REFUSED, note=_unknown(setting.written))
    try:
        return rule(reading, setting.key)
    except Refusal as refusal:
        return Judgement(verdict=Verdict.REFUSED, note=str(refusal))


def _unknown(written: str) -> str:
    reason = rules_worker.free_form(written)
    if reason is not None:
        return reason
    near = difflib.get_close_matches(written, RULES, n=1, cutoff=0.75)
    return f"there is no such key; {f'did you mean {near[0]}?' if near else 'leave it out'}"


def _stray(word: str) -> Finding:
    note = "a word of the command that is no setting; nothing is executed: leave it out, or write it as key=value"
    return Finding(key=word, written=word, value="", origin="command", verdict=Verdict.REFUSED, note=note, sets={})


def _count_tasks(settings: Mapping[str, Setting], read_file: ReadFile) -> int | None:
    """Tasks of the training list: counted in the file (OSWorld's ids by domain, or tasks), else known by its name."""
    path = settings["data.train_files"].value
    if not isinstance(path, str) or not path.endswith(".json"):
        return None
    text = read_file(path)
    if text is None:
        return TASK_LISTS.get(PurePosixPath(path).stem)
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON ({error}); mend it, or leave it away") from error
    if isinstance(tasks, dict):
        return sum(len(ids) for ids in tasks.values() if isinstance(ids, list))
    return len(tasks) if isinstance(tasks, list) else None


def _sorted_words(words: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Further words: the trainer's where it has such a key, else settings of ours."""
    theirs, ours = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"{word!r} is not a setting; write it as key=value, such as data.rollout_batch_size=2")
        if key in RULES or key in SPELLINGS or key.split(".")[0] in ("data", "worker", "env", "trainer", "config"):
            theirs.append(word)
        else:
            ours[key] = scalar(value, key)
    return theirs, ours


def _leave_out_others(tree: dict[str, Any], path: str) -> None:
    """Where a word chooses another kind of a part, what was read for the first one goes, but for what both have."""
    group, _, leaf = path.partition(".")
    if leaf != "kind" or group not in RunConfig.model_fields:
        return
    kinds = get_args(RunConfig.model_fields[group].annotation)
    chosen = next((kind for kind in kinds if kind.model_fields["kind"].default == tree[group]["kind"]), None)
    if chosen is not None:
        tree[group] = {name: value for name, value in tree[group].items() if name in chosen.model_fields}


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    node = tree
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(f"{path}: {parent} is a value, not a group of settings; check the setting's path")
    node[leaf] = value


def _checked(tree: Mapping[str, Any], findings: list[Finding]) -> tuple[RunConfig | None, list[tuple[str, str]]]:
    """Our own check; what it finds is told with the keys that brought the value."""
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        brought = {path: finding.written for finding in findings for path in finding.sets}
        told = [(field, sentence) for field, sentence in explain(error)]
        return None, [(f"{field} (from {brought[field]})" if field in brought else field, say) for field, say in told]
    refused = any(finding.verdict is Verdict.REFUSED for finding in findings)
    return (None if refused else config), []

"""The config of a try-out from what was chosen: whose weights, which desktop, which task. Words in, a `RunConfig` out.

Knows configs and choices; knows no request and no HTML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from arpo_engine.contract.config import RunConfig
from arpo_engine.contract.config.explaining import explain
from webapp.runs.errors import RunRefused
from webapp.runs.models import Checkpoint
from webapp.runs.presets import FIRST, find_preset
from webapp.runs.services.creation import evaluation_config
from webapp.tryouts.choices import TaskSet, Weights

MODELS: Final = ("checkpoint", "pocket", "path", "server")
DESKTOPS: Final[dict[str, tuple[str, str]]] = {
    "pocket": ("Pocket", "Small windows of our own; starts in a second, needs nothing."),
    "xvfb": ("Real applications, here", "LibreOffice, GIMP, Chromium and others on a virtual display of this machine."),
    "docker": ("Real applications, in a container", "The same in our Docker image."),
    "osworld-docker": ("OSWorld's own, in a container", "OSWorld's official image: Ubuntu in QEMU in Docker."),
    "vmware": ("OSWorld's own, VMware", "OSWorld's virtual machine."),
}
"""Kinds of desktops: a name and a story."""
AGENTS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "ui_tars_15": ("UI-TARS 1.5", {"kind": "ui_tars", "version": "1.5"}),
    "ui_tars_10": ("UI-TARS 1.0", {"kind": "ui_tars", "version": "1.0"}),
    "qwen_25": ("Qwen2.5-VL", {"kind": "qwen_vl", "series": "2.5"}),
    "qwen_3": ("Qwen3-VL", {"kind": "qwen_vl", "series": "3"}),
}
"""Prompts and grammars of replies that a model may have been taught."""
LONGEST: Final = 2000
OWN_FIELDS: Final = {
    "tryout.instruction": "instruction",
    "generator.base_urls": "server",
    "generator.model": "server_model",
    "generator.api_key_env": "key_env",
    "model.path": "path",
}
"""Settings that the page has a field for; faults in others are told of the page as a whole."""


@dataclass(slots=True, kw_only=True)
class Chosen:
    """What the page's form says; what is wrong with it is in `errors`, by field."""

    model: str = "pocket"
    checkpoint: Checkpoint | None = None
    path: str = ""
    sampler: str = "hf"
    server: str = ""
    server_model: str = ""
    key_env: str = "OPENAI_API_KEY"
    agent: str = "ui_tars_15"
    desktop: str = "pocket"
    source: str = ""
    task: str = ""
    instruction: str = ""
    begin: str = "hold"
    errors: dict[str, str] = field(default_factory=dict)


def read_chosen(words: Mapping[str, str], weights: list[Weights], sets: list[TaskSet]) -> Chosen:
    """Read an address or a form; what it does not say is at its default."""

    def word(name: str, default: str = "") -> str:
        return words.get(name, default).replace("\x00", "").strip()[:LONGEST]

    found = Chosen(
        model=word("model", "pocket"),
        path=word("path")[:400],
        sampler=word("sampler", "hf"),
        server=word("server")[:400],
        server_model=word("server_model")[:200],
        key_env=word("key_env", "OPENAI_API_KEY")[:80],
        agent=word("agent", "ui_tars_15"),
        desktop=word("desktop", "pocket"),
        source=word("source") or (sets[0].source if sets else ""),
        task=word("task")[:200],
        instruction=word("instruction"),
        begin=word("begin", "hold"),
    )
    saved = word("checkpoint")
    found.checkpoint = next((one.checkpoint for one in weights if str(one.checkpoint.pk) == saved), None)
    if saved and "model" not in words and found.checkpoint is not None:
        found.model = "checkpoint"
    known = {"model": MODELS, "agent": AGENTS, "desktop": DESKTOPS, "begin": ("hold", "go"), "sampler": ("hf", "vllm")}
    for name, choices in known.items():
        value = getattr(found, name)
        if value not in choices:
            found.errors[name] = f"{value[:20]!r} is none of them; choose one of the list"
    return found


def config_of(chosen: Chosen, sets: list[TaskSet]) -> RunConfig | None:
    """The config of a choice; None where something is wrong, which is in its `errors` then."""
    tasks = next((one for one in sets if one.source == chosen.source), None)
    if tasks is None:
        chosen.errors["source"] = f"{chosen.source[:80]!r} is no set of tasks known here; choose one of the list"
    elif tasks.pocket and chosen.desktop != "pocket":
        chosen.errors["source"] = f"the tasks of {tasks.title} begin only on pocket desktops; choose other tasks"
    elif tasks.shipped and not tasks.pocket and chosen.desktop == "pocket":
        chosen.errors["source"] = f"the tasks of {tasks.title} need real applications; choose another kind of desktop"
    if chosen.errors or tasks is None:
        return None
    base = _base(chosen)
    if base is None:
        return None
    desktops = base["desktops"] if base["desktops"].get("kind") == chosen.desktop else {"kind": chosen.desktop}
    tree = base | {
        "kind": "try",
        "title": _title(chosen),
        "story": "",
        "tasks": tasks.settings,
        "desktops": desktops | {"count": 1, "min_count": None},
        "tryout": {"task": chosen.task, "instruction": chosen.instruction, "begin": chosen.begin},
        "frames": base["frames"] | {"sample_every": 1},
        "records": {},
        "limits": base["limits"] | {"minutes": None},
    }
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        for path, message in explain(error):
            chosen.errors.setdefault(_field(path), message if _field(path) else f"{path}: {message}")
        return None


def _base(chosen: Chosen) -> dict[str, Any] | None:
    if chosen.model == "checkpoint":
        if chosen.checkpoint is None:
            chosen.errors["checkpoint"] = "this checkpoint is not there (any more), or not yours to see; choose another"
            return None
        try:
            return evaluation_config(chosen.checkpoint, None).model_dump(mode="json")
        except RunRefused as refusal:
            chosen.errors["checkpoint"] = str(refusal)
            return None
    if chosen.model == "pocket":
        preset = find_preset(FIRST)
        return preset.tree() if preset and preset.config else RunConfig().model_dump(mode="json")
    tree = RunConfig().model_dump(mode="json")
    tree["agent"] = AGENTS[chosen.agent][1]
    if chosen.model == "path":
        if not chosen.path:
            chosen.errors["path"] = (
                "the folder or name is empty; give a folder where runs run, or a name of the hub: owner/model"
            )
            return None
        tree["model"] |= {"path": chosen.path}
        tree["generator"] = {"kind": chosen.sampler, "max_new_tokens": 500}
        return tree
    if not chosen.server or not chosen.server_model:
        empty = "server" if not chosen.server else "server_model"
        chosen.errors[empty] = {
            "server": "the server's address is empty; give it up to /v1",
            "server_model": "the model's name at the server is empty; the server lists it at /v1/models",
        }[empty]
        return None
    server = {"base_urls": [chosen.server], "model": chosen.server_model, "api_key_env": chosen.key_env}
    tree["generator"] = {"kind": "openai", **server}
    return tree


def _title(chosen: Chosen) -> str:
    saved = chosen.checkpoint
    if chosen.model == "checkpoint" and saved is not None:
        who = f"{saved.run.name}, step {saved.step}"
    else:
        who = {"pocket": "the shipped model", "path": chosen.path, "server": chosen.server_model}[chosen.model]
    return f"Try: {who}"[:120]


def _field(path: str) -> str:
    return next((name for setting, name in OWN_FIELDS.items() if path.startswith(setting)), "")

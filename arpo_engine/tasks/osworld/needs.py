"""What a task needs of a desktop, and which desktops have it: why a task can run on one provider and not on another.

By rules over the task's JSON, and for 24 tasks of OSWorld by reading them (`WEB_BY_READING`): they have no address in
their setup or scoring and still cannot be done without the web.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from arpo_engine.contract.tasks import Task
from arpo_engine.tasks.osworld.task_files import files_of, steps_of
from arpo_engine.tasks.osworld.vocabulary import getter_types


class Need(StrEnum):
    """Something that not every desktop has; the value is why a task cannot run without it."""

    APPLICATIONS = "needs real applications"
    OSWORLD_HOME = "names /home/user, the home of OSWorld's own user"
    WEB = "needs the web while it runs"
    ACCOUNT = "needs a Google account, with OSWorld's settings for it"
    INSTALLS = "installs packages from the network while it is set up"
    ADMINISTRATOR = "asks for sudo"
    VSCODE = "needs VS Code, which Debian does not have"
    GNOME_SETTINGS = "needs the schemas of GNOME's settings"
    GNOME_PROGRAMS = "needs GNOME's own terminal or file manager"
    SERVICES = "needs systemd or a sound server"


class Network(StrEnum):
    """What a task needs of the network, in the classes of OSWorld's users."""

    NONE = "none"
    ASSETS = "assets"
    """Files that are fetched once, on the engine's side."""
    PREINSTALL = "preinstall"
    """Packages that its setup installs in the desktop."""
    LIVE = "live"
    """The web itself, while it runs."""


PROVIDERS: Final[Mapping[str, frozenset[Need]]] = {
    "pocket": frozenset(),
    "xvfb": frozenset({Need.APPLICATIONS, Need.OSWORLD_HOME, Need.GNOME_SETTINGS}),
    "docker": frozenset(
        {Need.APPLICATIONS, Need.OSWORLD_HOME, Need.GNOME_SETTINGS, Need.GNOME_PROGRAMS, Need.ADMINISTRATOR}
    ),
    "osworld-docker": frozenset(Need) - {Need.ACCOUNT},
    "vmware": frozenset(Need) - {Need.ACCOUNT},
}
"""What each provider's desktops have. `xvfb` has the applications of its machine and no network; `docker` is the light
image, without a network either."""
LIVE_GETTERS: Final = frozenset(
    """
    active_tab_html_parse active_tab_info active_tab_url_parse active_url_from_accessTree googledrive_file
    gotoRecreationPage_and_get_html_content info_from_website macys_product_url_parse number_of_search_results
    open_tabs_info page_info pdf_from_url url_dashPart url_path_parse
    """.split()  # noqa: SIM905 - names read better as words than one a line
)
WEB_BY_READING: Final = frozenset(
    """
    da52d699 acb0f96b 69acbb55 48d05431 68a25bd4 c7c1e4c3 d1acdb87 deec51c9 a82b78bb 873cafdd 6f4073b8 b337d106
    aad10cd7 7ff48d5b ce2b64a2 e1fc0df3 f8369178 788b3701 42f4d1c7 3c8f201a 94d95f96 bba3381f eabc805a 4e60007a
    """.split()  # noqa: SIM905 - names read better as words than one a line
)
"""First eight digits of the ids of OSWorld tasks whose instruction sends the agent to the web."""
INSTALLING: Final = re.compile(r"\b(apt|apt-get|pip|pip3|snap)\b[^|;&]*\binstall\b")
ADDRESS: Final = re.compile(r"https?://[^\s\"'\\]+")
LOCAL_ADDRESS: Final = re.compile(r"^(file|about|chrome|data):|^https?://(localhost|127\.0\.0\.1)([:/]|$)")
SUDO: Final = re.compile(r"\bsudo\b|\{CLIENT_PASSWORD\}")
SETTINGS_WORDS: Final = re.compile(r"\borg\.gnome\.|\bgsettings\b")
PROGRAM_WORDS: Final = re.compile(r"\bgnome-terminal\b|\bnautilus\b")
SERVICE_WORDS: Final = re.compile(r"\b(timedatectl|loginctl|systemctl|pactl)\b")
VSCODE_WORDS: Final = re.compile(r"^code(\s|$)|\bcode --", re.MULTILINE)


def network_of(task: Task) -> Network:
    """What the task needs of the network."""
    opened = [url for step in steps_of(task) for url in _opened(step)]
    types = {str(step.get("type")) for step in steps_of(task)}
    if (
        any(not LOCAL_ADDRESS.match(url) for url in opened)
        or (LIVE_GETTERS & set(getter_types(task)) and not _names_own_pages_only(task))
        or {"googledrive", "login"} & types
        or task.id[:8] in WEB_BY_READING
    ):
        return Network.LIVE
    if INSTALLING.search(_commands(task)):
        return Network.PREINSTALL
    return Network.ASSETS if any("://" in file.url for file in files_of(task)) else Network.NONE


def _names_own_pages_only(task: Task) -> bool:
    """Whether the task names addresses, and each is one of the desktop itself."""
    named = ADDRESS.findall(json.dumps(task.model_dump(mode="json")))
    return bool(named) and all(LOCAL_ADDRESS.match(url) for url in named)


def needs_of(task: Task) -> frozenset[Need]:
    """What the task needs of its desktop."""
    if task.snapshot == "pocket":
        return frozenset()
    text, commands, getters = json.dumps(task.model_dump(mode="json")), _commands(task), set(getter_types(task))
    types = {str(step.get("type")) for step in steps_of(task)}
    apps = {app.lower().replace("_", "").replace(" ", "") for app in task.related_apps}
    wanted = {
        Need.OSWORLD_HOME: "/home/user" in text,
        Need.WEB: network_of(task) is Network.LIVE,
        Need.ACCOUNT: bool({"googledrive", "login"} & types) or "googledrive_file" in getters,
        Need.INSTALLS: INSTALLING.search(commands) is not None,
        Need.ADMINISTRATOR: SUDO.search(commands) is not None,
        Need.VSCODE: "vscode" in apps or task.domain == "vs_code" or VSCODE_WORDS.search(commands) is not None,
        Need.GNOME_SETTINGS: SETTINGS_WORDS.search(commands) is not None or "vm_wallpaper" in getters,
        Need.GNOME_PROGRAMS: PROGRAM_WORDS.search(commands) is not None or "vm_terminal_output" in getters,
        Need.SERVICES: SERVICE_WORDS.search(text) is not None,
    }
    return frozenset({Need.APPLICATIONS, *(need for need, there in wanted.items() if there)})


def obstacles(
    task: Task, provider: str, withheld: frozenset[Need] = frozenset(), granted: frozenset[Need] = frozenset()
) -> list[str]:
    """Why the task cannot run on a provider; empty where it can. Without applications, nothing else counts.

    Args:
        task: What is asked.
        provider: Whose desktops.
        withheld: What the provider could give, and a run's settings do not.
        granted: What it does not give by itself, and a run's settings do.
    """
    lacking = needs_of(task) - (PROVIDERS[provider] - withheld) - granted
    if Need.APPLICATIONS in lacking:
        return [Need.APPLICATIONS.value]
    return [need.value for need in Need if need in lacking]


def _opened(step: Mapping[str, Any]) -> list[str]:
    parameters = step.get("parameters") or {}
    return [str(url) for url in parameters.get("urls_to_open") or ()] if step.get("type") == "chrome_open_tabs" else []


def _commands(task: Task) -> str:
    """All that is run in the desktop, as one text: steps, and what the scoring asks."""
    parts = [(step.get("parameters") or {}).get("command") for step in steps_of(task)]
    for part in (task.evaluator.result, task.evaluator.expected):
        parts += [getter.get("command") for getter in (part if isinstance(part, list) else [part]) if getter]
    return "\n".join(" ".join(map(str, part)) if isinstance(part, list) else str(part) for part in parts if part)

"""What applications say of their own widgets, as OSWorld's XML, and the text of the terminal in front.

Run as `python3 -m arpo_desktop.accessibility tree|terminal`, a process for each question: an application that does not
answer then holds up nobody else, and a tree of a megabyte leaves with its process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from .http_server import Refusal, Request, Response, as_json

TIMEOUT_S = 60.0
DEEPEST, WIDEST = 50, 1024
TERMINALS = ("gnome-terminal-server", "xfce4-terminal")
NAMESPACES = {
    short: f"https://accessibility.ubuntu.example.org/ns/{name}"
    for short, name in {
        "st": "state",
        "attr": "attributes",
        "cp": "component",
        "doc": "document",
        "docattr": "document/attributes",
        "txt": "text",
        "val": "value",
        "act": "action",
    }.items()
}


def tree(_request: Request) -> Response:
    """GET /accessibility."""
    return as_json({"AT": _ask("tree")})


def terminal(_request: Request) -> Response:
    """GET /terminal: null when no terminal is in front."""
    return as_json({"output": _ask("terminal") or None, "status": "success"})


def _ask(what: str) -> str:
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.accessibility", what],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Refusal(500, f"the applications did not describe themselves within {TIMEOUT_S:g} s") from error
    if process.returncode != 0:
        raise Refusal(500, errors.decode("utf-8", "replace").strip()[-300:])
    return output.decode("utf-8", "replace")


def _describe(node: Any, etree: Any, pyatspi: Any, depth: int) -> Any:
    """One widget and those in it; what cannot be asked is left out, as applications end while they are asked."""
    prefix = {short: f"{{{name}}}" for short, name in NAMESPACES.items()}
    role = node.getRoleName().replace(" ", "-") or "unknown"
    element = etree.Element(role, nsmap=NAMESPACES) if not depth else etree.Element(role)
    element.set("name", _clean(node.name))
    for state in node.getState().get_states():
        element.set(prefix["st"] + pyatspi.stateToString(state).replace(" ", "-"), "true")
    for name, value in (pair.partition(":")[::2] for pair in node.getAttributes()):
        if name.replace("-", "").isalnum():
            element.set(prefix["attr"] + name, _clean(value))
    for add in (_place, _text, _value, _actions):
        try:
            add(node, element, prefix, pyatspi)
        except (NotImplementedError, LookupError, RuntimeError):
            continue
    if depth < DEEPEST:
        for place in range(min(node.childCount, WIDEST)):
            child = node.getChildAtIndex(place)
            if child is not None:
                element.append(_describe(child, etree, pyatspi, depth + 1))
    return element


def _place(node: Any, element: Any, prefix: dict[str, str], pyatspi: Any) -> None:
    box = node.queryComponent().getExtents(pyatspi.XY_SCREEN)
    element.set(prefix["cp"] + "screencoord", str((box.x, box.y)))
    element.set(prefix["cp"] + "size", str((box.width, box.height)))


def _text(node: Any, element: Any, _prefix: dict[str, str], _pyatspi: Any) -> None:
    element.text = _clean(node.queryText().getText(0, -1))


def _value(node: Any, element: Any, prefix: dict[str, str], _pyatspi: Any) -> None:
    value = node.queryValue()
    element.set(prefix["val"] + "value", str(value.currentValue))
    element.set(prefix["val"] + "min", str(value.minimumValue))
    element.set(prefix["val"] + "max", str(value.maximumValue))
    element.set(prefix["val"] + "step", str(value.minimumIncrement))


def _actions(node: Any, element: Any, prefix: dict[str, str], _pyatspi: Any) -> None:
    actions = node.queryAction()
    for place in range(actions.nActions):
        name = actions.getName(place).replace(" ", "-")
        if name.replace("-", "").isalnum():
            element.set(f"{prefix['act']}{name}_desc", _clean(actions.getDescription(place)))
            element.set(f"{prefix['act']}{name}_kb", _clean(actions.getKeyBinding(place)))


def _clean(text: str) -> str:
    """XML holds no control characters."""
    return "".join(character for character in text or "" if character >= " " or character in "\n\t")


def _whole_tree(pyatspi: Any) -> str:
    from lxml import etree

    root = etree.Element("desktop-frame", nsmap=NAMESPACES)
    desktop = pyatspi.Registry.getDesktop(0)
    for place in range(desktop.childCount):
        application = desktop.getChildAtIndex(place)
        if application is not None:
            root.append(_describe(application, etree, pyatspi, 1))
    return str(etree.tostring(root, encoding="unicode"))


def _terminal_text(pyatspi: Any) -> str:
    desktop = pyatspi.Registry.getDesktop(0)
    for place in range(desktop.childCount):
        application = desktop.getChildAtIndex(place)
        if application is None or application.name not in TERMINALS:
            continue
        found = pyatspi.findDescendant(
            application,
            lambda node: node.getRoleName() == "terminal" and node.getState().contains(pyatspi.STATE_FOCUSED),
        )
        if found is not None:
            return str(found.queryText().getText(0, -1)).rstrip()
    return ""


def main(argv: list[str]) -> int:
    """Answer one question on standard output."""
    import pyatspi

    sys.stdout.write(_whole_tree(pyatspi) if argv == ["tree"] else _terminal_text(pyatspi))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

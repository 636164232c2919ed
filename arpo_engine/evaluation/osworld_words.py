"""Actions in the words of OSWorld's trajectory files: pyautogui calls, and WAIT, DONE and FAIL.

For people and programs that read results; nothing here is executed. Every literal is a number or quoted by `repr`.
"""

from __future__ import annotations

from arpo_engine.contract.actions import Action, Click, Drag, Fail, Finished, Hotkey, Scroll, TypeText, Wait

DRAG_S = 1.0


def osworld_action(action: Action | None) -> str:
    """The action as OSWorld's runners write it down; empty for a reply that could not be read."""
    match action:
        case None:
            return ""
        case Wait():
            return "WAIT"
        case Finished():
            return "DONE"
        case Fail():
            return "FAIL"
        case Click(x=x, y=y, button=button, count=count):
            return f"pyautogui.click({x}, {y}, clicks={count}, button={button!r})"
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            return f"pyautogui.moveTo({x}, {y})\npyautogui.dragTo({to_x}, {to_y}, duration={DRAG_S})"
        case Scroll(x=x, y=y, direction=direction, clicks=clicks):
            turn = clicks if direction in ("up", "right") else -clicks
            name = "scroll" if direction in ("up", "down") else "hscroll"
            return f"pyautogui.{name}({turn}, x={x}, y={y})"
        case TypeText(text=text):
            return f"pyautogui.write({text!r})"
        case Hotkey(keys=keys):
            return f"pyautogui.hotkey({', '.join(map(repr, keys))})"

"""An action as pyautogui code, for OSWorld's own server, which knows no other language. Runs inside a desktop only.

Every literal is written by `repr`, so no text of a model becomes code; places are numbers on the screen.
"""

from __future__ import annotations

from arpo_engine.contract.actions import (
    Click,
    Drag,
    DragTo,
    Fail,
    Finished,
    Hotkey,
    Move,
    Scroll,
    SingleAction,
    TypeText,
    Wait,
)

PREFIX = "import pyautogui; import time; pyautogui.FAILSAFE = False; "
"""What OSWorld's own client writes before every action."""
DRAG_S = 0.5


def pyautogui_code(action: SingleAction, screen: tuple[int, int]) -> str | None:
    """The code of an action; None when there is nothing to do. Places outside `screen` (width, height) are moved in.

    Text that pyautogui cannot type (it knows the keys of an American keyboard) goes through the clipboard, as OSWorld's
    machine has `xclip` and pyperclip.
    """
    match action:
        case Click(x=x, y=y, button=button, count=count):
            return (
                f"{PREFIX}pyautogui.click({_place(x, y, screen)}, clicks={count!r}, button={button!r}, interval=0.05)"
            )
        case Move(x=x, y=y):
            return f"{PREFIX}pyautogui.moveTo({_place(x, y, screen)})"
        case Drag(x=x, y=y, to_x=to_x, to_y=to_y):
            return (
                f"{PREFIX}pyautogui.moveTo({_place(x, y, screen)}); "
                f"pyautogui.dragTo({_place(to_x, to_y, screen)}, duration={DRAG_S!r}, button='left')"
            )
        case DragTo(x=x, y=y):
            return f"{PREFIX}pyautogui.dragTo({_place(x, y, screen)}, duration={DRAG_S!r}, button='left')"
        case Scroll(x=x, y=y, direction=direction, clicks=clicks):
            sideways = direction in ("left", "right")
            amount = clicks if direction in ("up", "right") else -clicks
            name = "hscroll" if sideways else "scroll"
            return f"{PREFIX}pyautogui.moveTo({_place(x, y, screen)}); pyautogui.{name}({amount!r})"
        case TypeText(text=text):
            return _typing(text)
        case Hotkey(keys=keys):
            return f"{PREFIX}pyautogui.hotkey({', '.join(map(repr, keys))})"
        case Wait() | Finished() | Fail():
            return None


def _typing(text: str) -> str:
    if not text.isascii():
        # Line breaks stay keys: pasted into a terminal or a cell they would mean something else.
        lines = text.split("\n")
        return (
            f"{PREFIX}import pyperclip\n"
            f"for number, line in enumerate({lines!r}):\n"
            "    if number: pyautogui.press('enter')\n"
            "    if line:\n"
            "        pyperclip.copy(line); pyautogui.hotkey('ctrl', 'v'); time.sleep(0.1)"
        )
    # pyautogui types '<' as '>' on X11 keyboards that have a third key for both; the hotkey is right everywhere.
    pieces = text.split("<")
    writes = [f"pyautogui.write({piece!r}, interval=0.01)" if piece else "" for piece in pieces]
    return PREFIX + "; ".join(one for one in "\0pyautogui.hotkey('shift', ',')\0".join(writes).split("\0") if one)


def _place(x: int, y: int, screen: tuple[int, int]) -> str:
    return f"{min(max(x, 0), screen[0] - 1)!r}, {min(max(y, 0), screen[1] - 1)!r}"

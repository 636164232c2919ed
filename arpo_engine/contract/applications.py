"""The applications that tasks are done in: what starts each, and the Debian package that brings it. Plain words only.

Standard library alone, so that `./arpo setup` may ask before anything is installed. Knows no task and no desktop.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Application:
    """One application of a desktop."""

    title: str
    programs: tuple[str, ...]
    """Names of which one must be on the desktop's PATH."""
    packages: tuple[str, ...]
    """In Debian and Ubuntu."""


CHROMIUM: Final = Application("Chromium", ("chromium", "chromium-browser", "google-chrome-stable"), ("chromium",))
"""Tasks start it as `google-chrome`, which on a desktop of ours is a word that looks for one of these."""
KNOWN: Final = {
    "chrome": CHROMIUM,
    "calc": Application("LibreOffice Calc", ("localc",), ("libreoffice-calc", "libreoffice-gtk3")),
    "writer": Application("LibreOffice Writer", ("lowriter",), ("libreoffice-writer", "libreoffice-gtk3")),
    "impress": Application("LibreOffice Impress", ("loimpress",), ("libreoffice-impress", "libreoffice-gtk3")),
    "gimp": Application("GIMP", ("gimp",), ("gimp",)),
    "vlc": Application("VLC", ("vlc",), ("vlc",)),
    "thunderbird": Application("Thunderbird", ("thunderbird",), ("thunderbird",)),
    "terminal": Application("the terminal", ("xfce4-terminal",), ("xfce4-terminal",)),
    "files": Application("the file manager", ("pcmanfm",), ("pcmanfm",)),
    "editor": Application("the text editor", ("mousepad",), ("mousepad",)),
    "settings": Application("the settings editor", ("dconf-editor",), ("dconf-editor", "gnome-shell-common")),
}
"""By a short name of ours. Those of `configs/tasks/desk_basics`, which are also most of OSWorld's."""
BY_PROGRAM: Final = {
    "google-chrome": CHROMIUM,
    **{program: application for application in KNOWN.values() for program in application.programs},
}
"""What a launched program belongs to."""
BY_NAME: Final = {name: KNOWN[name] for name in ("chrome", "calc", "writer", "impress", "gimp", "vlc", "thunderbird")}
"""Names by which OSWorld's task files speak of an application (`related_apps`), without `libreoffice`."""


def application_named(name: str) -> Application | None:
    """What a word of `related_apps` means, in any of OSWorld's spellings (`libreoffice calc`, `libreoffice_calc`);
    none where it is no application that is known here."""
    return BY_NAME.get(re.sub(r"libreoffice|[ _-]", "", name.lower()))


def named(applications: Iterable[Application]) -> str:
    """For a sentence: `GIMP (gimp), VLC (vlc)`, with the package that each one is missing for."""
    return ", ".join(f"{one.title} ({one.packages[0]})" for one in applications)

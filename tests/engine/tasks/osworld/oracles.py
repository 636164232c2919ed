"""Oracles for tasks of OSWorld that need no file and no network: commands in the desktop that do what is asked.

They prove the path of setup and scoring, not that a person's mouse can do it: 1 after them, 0 before them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final


def _python(script: str) -> list[str]:
    return ["python3", "-c", script]


def _gsettings(*words: str) -> list[list[str]]:
    return [["gsettings", "set", *words]]


def _vlc(line: str) -> list[list[str]]:
    """VLC writes its settings when it ends, so they are written after that."""
    script = (
        "import pathlib; file = pathlib.Path.home() / '.config/vlc/vlcrc'; "
        "file.parent.mkdir(parents=True, exist_ok=True); "
        f"file.write_text('[qt]\\n{line}\\n')"
    )
    return [["pkill", "-KILL", "vlc"], ["sleep", "0.5"], _python(script)]


def _chrome(change: str, file: str = "Default/Preferences") -> list[list[str]]:
    """Chrome writes its settings when it ends, so they are changed after that; `change` knows them as `s`."""
    script = (
        "import json, pathlib, subprocess, time\n"
        "subprocess.run(['pkill', '-TERM', 'chrom'])\n"
        "deadline = time.monotonic() + 15\n"
        "while subprocess.run(['pgrep', 'chrom'], capture_output=True).stdout and time.monotonic() < deadline:\n"
        "    time.sleep(0.2)\n"
        f"file = pathlib.Path.home() / '.config/google-chrome/{file}'\n"
        "s = json.loads(file.read_text()) if file.exists() else {}\n"
        f"{change}\n"
        "file.write_text(json.dumps(s))\n"
    )
    return [_python(script)]


def _gimp(file: str, line: str) -> list[list[str]]:
    """GIMP writes its settings when it ends."""
    script = (
        f"import pathlib; file = pathlib.Path.home() / '.config/GIMP/2.10/{file}'; "
        "file.parent.mkdir(parents=True, exist_ok=True); text = file.read_text() if file.exists() else ''; "
        f"file.write_text(text + '\\n({line})\\n')"
    )
    return [["pkill", "-KILL", "gimp"], ["sleep", "0.5"], _python(script)]


_FOLDER = (
    "s.setdefault('roots', {}); s['version'] = 1\n"
    "for number, name in enumerate(('bookmark_bar', 'other', 'synced'), 1):\n"
    "    s['roots'].setdefault(name, {'children': [], 'id': str(number), 'name': name, 'type': 'folder'})\n"
    "s['roots']['bookmark_bar']['children'] = [{'children': [], 'id': '9', 'name': 'Favorites', 'type': 'folder'}]\n"
    "s.pop('checksum', None)"
)
_AUTOSAVE = (
    '<item oor:path="/org.openoffice.Office.Common/Save/Document"><prop oor:name="AutoSaveTimeIntervall" '
    'oor:op="fuse"><value>3</value></prop></item>'
)

ORACLES: Final[dict[str, Iterable[list[str]]]] = {
    "os/bedcedc4": _gsettings("org.gnome.desktop.session", "idle-delay", "0"),
    "os/ec4e3f68": _gsettings("org.gnome.shell", "favorite-apps", "['thunderbird.desktop', 'google-chrome.desktop']"),
    "os/f9be0997": _gsettings("org.gnome.desktop.notifications", "show-banners", "false"),
    "os/3ce045a0": _gsettings("org.gnome.desktop.interface", "text-scaling-factor", "1.25"),
    "os/a4d98375": _gsettings("org.gnome.desktop.screensaver", "lock-enabled", "true"),
    "vlc/8ba5ae7a": _vlc("input-record-path=/home/user/Desktop"),
    "vlc/9195653c": _vlc("qt-max-volume=200"),
    "vlc/d06f0d4d": _vlc("qt-slider-colours=1;1;1;2;2;2;3;3;3;4;4;4"),
    "vlc/a5bbbcd5": _vlc("qt-minimal-view=1"),
    "vlc/f3977615": _vlc("one-instance-when-started-from-file=0"),
    "vlc/215dfd39": _vlc("qt-bgcone=0"),
    "gimp/d52d6308": _gimp("sessionrc", "hide-docks yes"),
    "gimp/7b7617bd": _gimp("gimprc", "undo-levels 100"),
    "gimp/7767eef2": _gimp("gimprc", 'theme "Light"'),
    "chrome/2ad9387a": _chrome(_FOLDER, "Default/Bookmarks"),
    "chrome/2ae9ba84": _chrome("s.setdefault('profile', {})['name'] = 'Thomas'"),
    "chrome/480bcfea": _chrome(
        "s.setdefault('browser', {})['enabled_labs_experiments'] = "
        "['chrome-refresh-2023@2', 'chrome-webui-refresh-2023@2']",
        "Local State",
    ),
    "chrome/af630914": _chrome(
        "s.setdefault('webkit', {}).setdefault('webprefs', {}).update(default_font_size=20, "
        "default_fixed_font_size=16, minimum_font_size=0)"
    ),
    "chrome/99146c54": _chrome(
        "s.setdefault('profile', {}).setdefault('default_content_setting_values', {})['cookies'] = 4"
    ),
    "chrome/030eeff7": _chrome("s['enable_do_not_track'] = True"),
    "chrome/9656a811": _chrome("s.setdefault('safebrowsing', {}).update(enabled=True, enhanced=True)"),
    "libreoffice_impress/2cd43775": [
        ["pkill", "-KILL", "soffice"],
        _python(
            "import pathlib\n"
            "file = pathlib.Path.home() / '.config/libreoffice/4/user/registrymodifications.xcu'\n"
            f"file.write_text(file.read_text().replace('</oor:items>', {_AUTOSAVE!r} + '</oor:items>'))"
        ),
    ],
}
"""By domain and the first eight digits of the id."""

"""Settings that a fresh home begins with, so that applications open without tips, wizards and questions."""

from __future__ import annotations

from pathlib import Path

LIBREOFFICE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" \
xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="FirstRun" oor:op="fuse"><value>false</value>\
</prop></item>
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="ShowTipOfTheDay" oor:op="fuse">\
<value>false</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Misc"><prop oor:name="PerformFileExtCheck" oor:op="fuse">\
<value>false</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="ooSetupLastVersion" oor:op="fuse">\
<value>99.0</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeGetInvolvedShown" oor:op="fuse">\
<value>4102444800</value></prop></item>
<item oor:path="/org.openoffice.Setup/Product"><prop oor:name="LastTimeDonateShown" oor:op="fuse">\
<value>4102444800</value></prop></item>
<item oor:path="/org.openoffice.Office.Recovery/RecoveryInfo"><prop oor:name="Enabled" oor:op="fuse">\
<value>false</value></prop></item>
</oor:items>
"""
CHROME_PREFERENCES = """{"browser":{"has_seen_welcome_page":true,"check_default_browser":false},\
"distribution":{"skip_first_run_ui":true},"profile":{"exit_type":"Normal"}}
"""
VLC = """[qt]
qt-privacy-ask=0
[core]
metadata-network-access=0
"""
GIMP = "(check-updates no)\n"
THUNDERBIRD_PROFILES = "[General]\nStartWithLastProfile=1\nVersion=2\n\n\
[Profile0]\nName=user\nIsRelative=1\nPath=user\nDefault=1\n\n\
[InstallFDC34C9F024745EB]\nDefault=user\nLocked=1\n"
"""The long word stands for Thunderbird in /usr/lib/thunderbird; without it a first start makes a profile of its own."""
THUNDERBIRD = """user_pref("app.donation.eoy.version.viewed", 99);
user_pref("app.update.auto", false);
user_pref("datareporting.policy.dataSubmissionPolicyBypassNotification", true);
user_pref("mail.provider.suppress_dialog_on_startup", true);
user_pref("mail.rights.version", 1);
user_pref("mail.shell.checkDefaultClient", false);
user_pref("mail.spotlight.firstRunDone", true);
user_pref("mailnews.start_page.enabled", false);
user_pref("mailnews.start_page_override.mstone", "ignore");
user_pref("mail.account.account1.server", "server1");
user_pref("mail.accountmanager.accounts", "account1");
user_pref("mail.accountmanager.localfoldersserver", "server1");
user_pref("mail.server.server1.directory-rel", "[ProfD]Mail/Local Folders");
user_pref("mail.server.server1.hostname", "Local Folders");
user_pref("mail.server.server1.name", "Local Folders");
user_pref("mail.server.server1.type", "none");
user_pref("mail.server.server1.userName", "nobody");
"""
"""Local folders and no account; OSWorld's tasks bring a profile of their own, which takes this one's place."""
XFCE_TERMINAL = """[Configuration]
MiscDefaultGeometry=100x28
MiscConfirmClose=FALSE
MiscShowUnsafePasteDialog=FALSE
MiscCursorBlinks=FALSE
MiscMenubarDefault=FALSE
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
<alias><family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer></alias>
<alias><family>serif</family><prefer><family>DejaVu Serif</family></prefer></alias>
<alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
<alias><family>system-ui</family><prefer><family>DejaVu Sans</family></prefer></alias>
</fontconfig>
"""
"""Letters of one size on every machine, whatever other fonts it has: menus are as high as their letters, and a place
that was clicked on one desktop is the same place on another."""
OPENBOX = Path("/etc/xdg/openbox/rc.xml")
MAXIMIZED = """
<application class="libreoffice*" type="normal"><maximized>yes</maximized></application>
<application class="Soffice" type="normal"><maximized>yes</maximized></application>
<application class="Gimp*" type="normal"><maximized>yes</maximized></application>
<application class="thunderbird*" type="normal"><maximized>yes</maximized></application>
"""
"""Windows that open over the whole screen, as they do on OSWorld's machine."""
TERMINAL_KEY = """
<keybind key="C-A-t"><action name="Execute"><command>x-terminal-emulator</command></action></keybind>
"""
"""Ctrl, Alt and T open a terminal, as on OSWorld's machine; some tasks rely on it."""
KEEP_KEYS = "<rebindOnMappingNotify>no</rebindOnMappingNotify>"
"""Openbox would let go of all its keys and take them anew whenever one key writes something else, and with the first
key that is pressed at all: a hotkey that comes then goes to whatever window is in front. Its own keys never move."""
FILES = {
    ".config/libreoffice/4/user/registrymodifications.xcu": LIBREOFFICE,
    ".config/google-chrome/First Run": "",
    ".config/google-chrome/Default/Preferences": CHROME_PREFERENCES,
    ".config/vlc/vlcrc": VLC,
    ".config/GIMP/2.10/gimprc": GIMP,
    ".thunderbird/profiles.ini": THUNDERBIRD_PROFILES,
    ".thunderbird/installs.ini": "[FDC34C9F024745EB]\nDefault=user\nLocked=1\n",
    ".thunderbird/user/prefs.js": THUNDERBIRD,
    ".config/xfce4/terminal/terminalrc": XFCE_TERMINAL,
    ".config/fontconfig/fonts.conf": FONTS,
    ".config/user-dirs.locale": "C\n",
}
"""Path below the home to its content; paths as OSWorld's machine has them."""


def write_profiles(home: Path) -> None:
    """Write what is not there yet."""
    for name, content in FILES.items():
        path = home / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    _write_openbox(home / ".config" / "openbox" / "rc.xml")


def _write_openbox(path: Path) -> None:
    """The system's own settings with our windows among them; Openbox reads one of the two files only."""
    if OPENBOX.is_file() and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = OPENBOX.read_text(encoding="utf-8")
        head, end, tail = whole.rpartition("</applications>")
        windows = f"{head}{MAXIMIZED if end else ''}{end}{tail}"
        path.write_text(windows.replace("</keyboard>", f"{KEEP_KEYS}{TERMINAL_KEY}</keyboard>", 1), encoding="utf-8")

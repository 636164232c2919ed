"""The first process of a desktop on this host: makes a world of its own round it, and drops every right.

Started as root of fresh mount, process, network and IPC namespaces (`unshare`). Home, /tmp, /run and shared memory are
new and in memory, so a desktop begins empty by construction and leaves nothing behind; all other files of the host are
read-only, and some are hidden; the network has a loopback and nothing else; what it starts cannot outlive this process,
which ends when its standard input does. Knows no display.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from .closed_root import close_root, enter_closed_root
from .mounts import make_read_only, mount, mount_tmpfs

USER = "user"
HOME = f"/home/{USER}"
UNMAPPED_UID = 1000
"""The user's number inside, where the engine was not started by root; OSWorld's machine has the same."""
RUNTIME = "/run/user/1000"
"""Where OSWorld's tasks expect the session bus, whatever number the user has here."""
PROGRAM = Path("/run/arpo")
"""Where the copies of this package and of its packages lie."""
FOLDERS = ("Desktop", "Documents", "Downloads", "Music", "Pictures", "Videos")
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1


def enter(*, uid: int, home_mb: int, packages: str, hidden: Sequence[str]) -> None:
    """Make the world: called once, as root of the new namespaces.

    Args:
        uid: Number of the desktop's user. 0 where this process is root of a user namespace only, and has no other.
        home_mb: Size of the home folder.
        packages: Folder of Python packages that the server needs besides the system's.
        hidden: Folders of the host that are empty inside; one that is not there is none.
    """
    make_read_only("/", below=True)
    _loopback_up()
    mount_tmpfs("/run", 64, 0, "755")
    shutil.copytree(Path(__file__).parent, PROGRAM / "arpo_desktop", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(packages, PROGRAM / "packages", ignore=shutil.ignore_patterns("__pycache__", "*.dist-info"))
    _make_readable(PROGRAM)
    if uid == 0:
        enter_closed_root()
    for folder in filter(os.path.isdir, hidden):
        mount_tmpfs(folder, 1, 0, "555")
    _name_the_user(uid or UNMAPPED_UID)
    mount_tmpfs("/tmp", 512, 0, "1777")
    mount_tmpfs("/var/tmp", 64, 0, "1777")
    mount_tmpfs("/dev/shm", 256, 0, "1777")
    mount_tmpfs("/home", home_mb, 0, "755")
    if uid == 0:
        close_root()
    else:
        mount("-t", "proc", "proc", "/proc")
    Path("/tmp/.X11-unix").mkdir(mode=0o1777)
    for folder in (RUNTIME, HOME, *(f"{HOME}/{name}" for name in FOLDERS)):
        Path(folder).mkdir(mode=0o700, parents=True)
        os.chown(folder, uid, uid)


def unprivileged(uid: int, command: Sequence[str]) -> list[str]:
    """`command` as it is run without any right: no capability, no group, no way to win a right back."""
    if uid == 0:
        # The only number that exists here; outside it is the person who started the engine. Some programs refuse to run
        # as root, so it gets another name in a namespace inside this one, where it has no capabilities either.
        ids = [f"--map-user={UNMAPPED_UID}", f"--map-group={UNMAPPED_UID}"]
        return ["unshare", "--user", *ids, "setpriv", "--no-new-privs", *command]
    ids = [f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    return ["setpriv", *ids, "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", *command]


def environment() -> dict[str, str]:
    """What the desktop's programs see; nothing of the engine's environment but the label."""
    label = {name: value for name, value in os.environ.items() if name.startswith("ARPO_DESKTOP")}
    return {
        **label,
        "PATH": f"{PROGRAM}/arpo_desktop/bin:/usr/local/bin:/usr/bin:/bin:/usr/games",
        "PYTHONPATH": f"{PROGRAM}/packages:{PROGRAM}",
        "HOME": HOME,
        "USER": USER,
        "LOGNAME": USER,
        "SHELL": "/bin/bash",
        "XDG_RUNTIME_DIR": RUNTIME,
        "LANG": "C.UTF-8",
    }


def stand_by(command: Sequence[str], pass_fds: Sequence[int]) -> int:
    """Run the server as process 1's child, reap what is orphaned, and end when the engine lets go of standard input."""
    lifeline = os.dup(0)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    server = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env=environment(), cwd=HOME, pass_fds=pass_fds, start_new_session=True
    )
    while True:
        pid, status = os.wait()
        if pid == server.pid:
            return os.waitstatus_to_exitcode(status)


def _end_with(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    # Process 1 of a namespace takes every other one with it.
    os._exit(0)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | IFF_UP))


def _name_the_user(uid: int) -> None:
    """Programs ask who they are; the system's own list has no such number."""
    lines = {
        "passwd": f"{USER}:x:{uid}:{uid}:{USER}:{HOME}:/bin/bash",
        "group": f"{USER}:x:{uid}:",
    }
    for name, line in lines.items():
        kept = [
            other
            for other in Path("/etc", name).read_text(encoding="utf-8").splitlines()
            if other.split(":")[0] != USER and (len(other.split(":")) < 3 or other.split(":")[2] != str(uid))
        ]
        copy = PROGRAM / name
        copy.write_text("\n".join([line, *kept]) + "\n", encoding="utf-8")
        copy.chmod(0o644)
        mount("--bind", str(copy), f"/etc/{name}")


def _make_readable(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)

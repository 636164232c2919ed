"""A *simulated* vmrun, written from how OSWorld calls it and not recorded from VMware: machines are files in a folder.

Run as a program: `vmrun -T ws COMMAND …`. Its state is beside it: `running` lists the machines that run, `paused` those
that are paused, `calls` every call, `address` is what every machine answers when asked where it is, and `broken` names
a command that fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

HOME = Path(__file__).parent


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def lines(name: str) -> list[str]:
    file = HOME / name
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def write(name: str, content: list[str]) -> None:
    (HOME / name).write_text("".join(f"{line}\n" for line in content), encoding="utf-8")


def main(words: list[str]) -> int:
    assert words[:2] == ["-T", "ws"], words
    command, rest = words[2], words[3:]
    write("calls", [*lines("calls"), " ".join([command, *(Path(word).name for word in rest)])])
    running = lines("running")
    if command in lines("broken"):
        say(f"Error: The operation was canceled ({command})")
        return 255
    if command == "list":
        say("\n".join([f"Total running VMs: {len(running)}", *running]))
    elif command == "revertToSnapshot":
        if rest[1] != "init_state":
            say("Error: The snapshot does not exist")
            return 255
        write("running", [one for one in running if one != rest[0]])
    elif command == "start":
        write("running", [*running, rest[0]])
    elif command == "stop":
        if rest[0] not in running:
            say("Error: The virtual machine is not powered on")
            return 255
        write("running", [one for one in running if one != rest[0]])
    elif command in ("pause", "unpause"):
        paused = lines("paused")
        if rest[0] not in running:
            say("Error: The virtual machine is not powered on")
            return 255
        if (rest[0] in paused) == (command == "pause"):
            say(f"Error: The virtual machine is {'already' if command == 'pause' else 'not'} paused")
            return 255
        write("paused", [*paused, rest[0]] if command == "pause" else [one for one in paused if one != rest[0]])
    elif command == "getGuestIPAddress":
        say(lines("address")[0])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

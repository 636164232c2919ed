"""A run and its process of desktops, as small as can be, to be killed by `desktops_leaks.py`.

`run KIND COUNT` starts `hold KIND COUNT` and prints its process id when all desktops are up; each ends when the other's
end of a pipe closes, as processes of the engine do.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.desktops_world import World


def hold(kind: str, count: int) -> None:
    """Hold desktops until standard input ends."""
    world = World.of(kind)
    assert world.provider is not None, "pocket desktops are not held"
    held = [world.provider.start() for _ in range(count)]
    print("held", flush=True)
    sys.stdin.read()
    for machine in held:
        machine.close()


def run(kind: str, count: int) -> None:
    """Be the run above it."""
    words = [sys.executable, "-m", "benchmarks.desktops_holder", "hold", kind, str(count)]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None, "asked for above"
    holder.stdout.readline()
    print(holder.pid, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    {"hold": hold, "run": run}[sys.argv[1]](sys.argv[2], int(sys.argv[3]))

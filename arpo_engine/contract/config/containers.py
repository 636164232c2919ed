"""Where the agents work when that is a container or a virtual machine: our image, OSWorld's official one, VMware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from arpo_engine.contract.base import Strict


class MachineDesktopsConfig(Strict):
    """What all desktops share that are machines of their own. Each serves one episode and is then made anew."""

    count: int = Field(2, ge=1, le=256)
    """Desktops alive at once."""
    per_process: int = Field(1, ge=1, le=8)
    """Desktops that share one process of the engine. They wait for each other's actions."""
    spares: int = Field(1, ge=0, le=8)
    """Desktops of each process that stand ready, so that an episode does not wait for a start."""
    pause_s: float = Field(0.5, ge=0, le=30)
    """Wait between an action and the look at what it did; OSWorld waits 2 seconds, ARPO half a second."""
    settle_s: float = Field(0.5, ge=0, le=60)
    """The same before the first look at a task."""
    start_timeout_s: float = Field(60.0, gt=0)
    """Longest wait until a fresh desktop acts and sees."""
    request_timeout_s: float = Field(30.0, gt=0)
    """Longest wait for one answer of a desktop, after which it counts as stuck."""
    reset_timeout_s: float = Field(180.0, gt=0)
    """Applications start in it."""
    step_timeout_s: float = Field(120.0, gt=0)
    """Longest action, and longest scoring."""
    restarts: int = Field(5, ge=0)
    """Times in a row that a process of desktops is started again after it died, before its desktops are given up."""


class PausableDesktopsConfig(MachineDesktopsConfig):
    """Of machines that can be frozen as they are: containers and virtual machines."""

    pause_while_thinking: bool = False
    """Freeze a desktop from each look until the next action, as ARPO does: what the model sees is then what it acts on,
    and no screen is locked meanwhile. Costs about 0.3 s a step in a container. Risks: inside, time jumps by the length
    of each pause, so timers fire at once, connections to web pages break, and a film or a download stands still."""


def pauses_while_thinking(config: Strict) -> bool:
    """Whether desktops of this config are frozen while the model thinks."""
    return isinstance(config, PausableDesktopsConfig) and config.pause_while_thinking


class NeverPausedConfig(Strict):
    """Of desktops that cannot be frozen; a config that asks for it is refused by name instead of by a typing error."""

    @model_validator(mode="before")
    @classmethod
    def _no_pause(cls, value: Any) -> Any:
        if not isinstance(value, Mapping) or "pause_while_thinking" not in value:
            return value
        if value["pause_while_thinking"] not in (False, "false", None):
            raise ValueError(
                f"pause_while_thinking is {value['pause_while_thinking']!r}, and desktops of kind {value.get('kind')} "
                "are processes of this machine that cannot be frozen as one; leave it out, or use kind docker, "
                "osworld-docker or vmware"
            )
        return {name: given for name, given in value.items() if name != "pause_while_thinking"}


class DockerDesktopsConfig(PausableDesktopsConfig):
    """Real applications in containers of the light image, after `./arpo setup desktop-image`. Needs a Docker engine on
    the machine where the desktops run."""

    kind: Literal["docker"] = "docker"
    image: str = Field("arpo-desktop", min_length=1)
    """The light image, by the name that the Docker engine knows it by."""
    network: Literal["none", "open"] = "none"
    """`none`: a desktop sees no network, not even this machine's; it is reached through a folder that it shares with
    the engine. `open`: it reaches whatever containers reach here, for tasks of live web pages, and for Docker Desktop,
    which cannot share such a folder."""
    width: int = Field(1920, ge=320, le=7680)
    """Screen (pixels). OSWorld's tasks were made for 1920 x 1080."""
    height: int = Field(1080, ge=240, le=4320)
    memory_mb: int = Field(2048, ge=256)
    """Most memory of one desktop (MB); an office application with its document takes about 350."""
    cpus: float = Field(2.0, gt=0)
    """Most processor cores that one desktop may use at a moment."""
    administrator: bool = False
    """Let the desktop's user become root in its container with sudo, as a few of OSWorld's tasks ask. Without it a
    container has no capability at all and may gain none."""


class OsworldDockerDesktopsConfig(PausableDesktopsConfig):
    """OSWorld's official desktop: a virtual machine in the container `happysixd/osworld-docker`, from a disk that you
    bring. Boots in tens of seconds with KVM, and in many minutes without."""

    kind: Literal["osworld-docker"] = "osworld-docker"
    image: str = Field("happysixd/osworld-docker", min_length=1)
    """The official image, by the name that the Docker engine knows it by."""
    disk: str = "docker_vm_data/Ubuntu.qcow2"
    """The virtual machine's disk. An OSWorld checkout keeps it in `docker_vm_data`. It is only read."""
    memory_gb: int = Field(4, ge=1)
    """Memory of the virtual machine (GB)."""
    cpus: int = Field(4, ge=1)
    """Processor cores of the virtual machine."""
    disk_gb: int = Field(32, ge=1)
    """Size that its disk may grow to (GB)."""
    kvm: Literal["probe", "on", "off"] = "probe"
    """`probe`: boot the first desktop on /dev/kvm against the clock, and go on without if it does not boot, since a
    device that is there may still hang. `on` and `off` skip the trial."""
    kvm_timeout_s: float = Field(120.0, gt=0)
    """Longest boot of that trial. It is made once on each host, until that is started again."""
    pause_s: float = Field(2.0, ge=0, le=30)
    start_timeout_s: float = Field(300.0, gt=0)
    """Longest wait until the virtual machine has booted and sends a screenshot; OSWorld waits 300 seconds."""
    reset_timeout_s: float = Field(600.0, gt=0)
    """A boot, if no spare stands ready, and the start of applications."""


class VmwareDesktopsConfig(PausableDesktopsConfig):
    """OSWorld's virtual machines in VMware Workstation or Fusion, brought back to a snapshot for every episode."""

    kind: Literal["vmware"] = "vmware"
    machines: tuple[str, ...] = Field(("vmware_vm_data/Ubuntu0/Ubuntu0/Ubuntu0.vmx",), min_length=1)
    """The `.vmx` file of each desktop; `count` may not be larger than their number. Copies of one machine are made in
    VMware."""
    snapshot: str = Field("init_state", min_length=1)
    """The snapshot in which every episode begins; OSWorld calls its own `init_state`."""
    vmrun: str = ""
    """VMware's command-line program; empty: where VMware installs it."""
    headless: bool = True
    """Show no window of the machine."""
    count: int = Field(1, ge=1, le=256)
    spares: int = Field(0, ge=0, le=0)
    """None: a machine cannot stand ready while it is in use."""
    pause_s: float = Field(2.0, ge=0, le=30)
    start_timeout_s: float = Field(300.0, gt=0)
    """Longest wait until a machine is back in its snapshot and sends a screenshot."""
    reset_timeout_s: float = Field(600.0, gt=0)

    @model_validator(mode="after")
    def _a_machine_for_each_desktop(self) -> Self:
        if self.count > len(self.machines):
            raise ValueError(
                f"count is {self.count} and machines names {len(self.machines)}; "
                "each desktop needs a .vmx file of its own"
            )
        return self

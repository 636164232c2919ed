"""`./arpo setup gpu`: what it refuses and why, what it locks, and how it judges what the GPUs' own Python found."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from webapp.supervisor import cli, gpu, install
from webapp.supervisor.errors import SupervisorError

H200 = "NVIDIA H200, 580.65.06, 143771"
GOOD: dict[str, Any] = {
    "torch": f"{install.TORCH}+cu130",
    "cuda": "13.0",
    "packages": {"vllm": "0.32.0"},
    "gpus": [{"name": "NVIDIA H200", "memory_gb": 139.8, "capability": [9, 0], "computes": True}],
}


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that answers as nvidia-smi does: with what lies beside it; on a machine with a disk that is large."""
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\ncat "$0.says"\nexit "$(cat "$0.code")"\n')
    program.chmod(0o755)
    says(program, H200)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**40))
    return program


def says(program: Path, text: str, code: int = 0) -> None:
    Path(f"{program}.says").write_text(text + "\n")
    Path(f"{program}.code").write_text(str(code))


def test_the_gpus_are_those_that_nvidia_smi_names(smi: Path):
    says(smi, f"{H200}\n{H200}")
    assert gpu.refuse_where_it_cannot_run() == [gpu.Gpu(name="NVIDIA H200", driver="580.65.06", memory_mb=143771)] * 2


def test_a_gpu_that_does_not_tell_its_memory_is_named_without_it(smi: Path):
    says(smi, "NVIDIA GB10, 580.95.05, [N/A]")
    (found,) = gpu.refuse_where_it_cannot_run()
    assert (found.memory_mb, found.described) == (None, "NVIDIA GB10")
    assert gpu.Gpu(name="NVIDIA H200", driver="580", memory_mb=143771).described == "NVIDIA H200 with 140 GiB"


def test_a_machine_without_an_nvidia_gpu_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cli.main(["setup", "gpu"]) == 1
    assert "there is no nvidia-smi, so this machine has no NVIDIA GPU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "code", "cure"),
    [
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", 9, "mend the driver"),
        ("No devices were found", 6, "mend the driver"),
        ("NVIDIA A100, 535.104.05, 81920", 0, "driver is 535, .* needs 580 or newer; update the driver"),
    ],
)
def test_a_driver_that_will_not_do_is_refused_with_its_cure(smi: Path, text: str, code: int, cure: str):
    says(smi, text, code)
    with pytest.raises(SupervisorError, match=cure):
        gpu.refuse_where_it_cannot_run()


def test_another_processor_and_a_full_disk_are_refused(smi: Path, monkeypatch: pytest.MonkeyPatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    with pytest.raises(SupervisorError, match=r"1024 MB are free .* free some space"):
        gpu.refuse_where_it_cannot_run()
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(SupervisorError, match="for Linux on x86_64, and this is Linux on aarch64"):
        gpu.refuse_where_it_cannot_run()


def test_what_is_good_is_said_in_a_sentence():
    said = gpu.require_good("vLLM", GOOD, vllm="0.32.0")
    assert said == f"vLLM: torch {install.TORCH}+cu130 with CUDA 13.0 sees 1 GPUs, vllm 0.32.0"


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"torch": "2.12.0+cu130"}, "torch is 2.12.0.* is locked; remove the environment"),
        ({"cuda": None}, "torch was built without CUDA"),
        ({"gpus": [], "fault": "no driver"}, r"sees no GPU \(no driver\); look at CUDA_VISIBLE_DEVICES"),
        ({"gpus": [{**GOOD["gpus"][0], "name": "T4", "capability": [7, 5]}]}, "T4 has compute capability 7.5"),
        ({"gpus": [{**GOOD["gpus"][0], "computes": False}]}, "computes a product of matrices wrong"),
        ({"packages": {"vllm": "0.31.0"}}, "vllm is 0.31.0, and 0.32.0 is locked; run ./arpo setup gpu again"),
        ({"packages": {"vllm": "ImportError: libcudart"}}, r"vllm cannot be imported \(ImportError: libcudart\)"),
    ],
)
def test_what_is_not_good_is_named_with_its_cure(changes: dict[str, Any], cure: str):
    with pytest.raises(SupervisorError, match=cure):
        gpu.require_good("vLLM", {**GOOD, **changes}, vllm="0.32.0")


def test_the_trial_is_made_by_the_python_that_is_asked(tmp_path: Path):
    found = gpu.try_out(Path(sys.executable), "no_such_package")
    assert found["torch"].startswith(install.TORCH) and isinstance(found["gpus"], list)
    assert found["packages"]["no_such_package"].startswith("ModuleNotFoundError")
    with pytest.raises(SupervisorError, match="cannot look at the GPUs"):
        gpu.try_out(Path(shutil.which("true") or "/bin/true"))


def test_flash_attention_is_not_begun_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SupervisorError, match="no nvcc to build it with; install NVIDIA's CUDA toolkit"):
        gpu._build_flash_attention(tmp_path / "log", lambda: None)


def test_flash_attention_goes_with_gpu_only(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["setup", "--flash-attn"])
    assert "./arpo setup gpu --flash-attn" in capsys.readouterr().err


def test_the_lock_names_one_build_of_each_with_its_hash():
    lock = (install.REQUIREMENTS / "gpu.txt").read_text(encoding="utf-8")
    assert gpu._locked_version("vllm") == "0.32.0" and gpu._locked_version("torch") == install.TORCH
    assert gpu._locked_version("transformers") == "5.19.0"
    lines = [line for line in lock.splitlines() if "==" in line and not line.startswith(" ")]
    assert len(lines) > 100 and lock.count("--hash=sha256:") >= len(lines)

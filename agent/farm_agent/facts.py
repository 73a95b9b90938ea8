"""Facts: what a board says of itself, read from its device tree, DMI, /proc and /sys.

Nothing is guessed: an empty string or a zero is unknown. Everything is read below a root, which is `/` on a board and
a small tree in a test.

| fact | from |
|---|---|
| device model | `/proc/device-tree/model`, else DMI vendor and product |
| CPU model, features | `/proc/cpuinfo`; on Arm the model is looked up by implementer and part |
| board type | the device model (`board_type_of`); else `linux-` and the architecture |
| board id | the serial number in the device tree, else the machine id; hashed, never as it is |
| USB devices | `/sys/bus/usb/devices`: who is plugged in, and at which speed |
| virtual machine | the `hypervisor` flag of the CPU, DMI; `extra.virtualization` |
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from devicefarm.v1 import board_pb2
from farm_agent.pseudo_file import read_line

__all__ = ["board_id_of", "board_type_of", "detect"]


def detect(root: Path, machine: str = "") -> board_pb2.BoardFacts:
    """Everything that can be read now. `machine` is `uname -m`; empty: this process's own."""
    architecture = machine or platform.machine()
    cpuinfo = _cpuinfo(root)
    return board_pb2.BoardFacts(
        hostname=read_line(root / "proc/sys/kernel/hostname") or "",
        architecture=architecture,
        device_model=_device_model(root),
        cpu_model=_cpu_model(cpuinfo),
        cpu_count=_cpu_count(root, cpuinfo),
        cpu_features=_cpu_features(cpuinfo),
        memory_bytes=_memory_bytes(root),
        kernel=read_line(root / "proc/sys/kernel/osrelease") or "",
        os=_os(root),
        libc=_libc(root),
        python=platform.python_version(),
        usb_devices=_usb_devices(root),
        boot_id=read_line(root / "proc/sys/kernel/random/boot_id") or "",
        extra=_extra(root, cpuinfo),
    )


def board_id_of(root: Path) -> str:
    """The same at each start and each boot of one physical unit: 16 hexadecimal digits; empty when nothing tells.

    The serial number in the device tree comes first: it stays when the card is written anew, and two boards whose cards
    were copied from one another have the same machine id but not the same serial number.
    """
    serial = read_line(root / "proc/device-tree/serial-number")
    if serial and serial.strip("0"):
        return _hashed("serial-number", serial)
    machine_id = read_line(root / "etc/machine-id") or read_line(root / "var/lib/dbus/machine-id")
    if machine_id and machine_id != "uninitialized":
        return _hashed("machine-id", machine_id)
    return ""


def board_type_of(device_model: str, architecture: str) -> str:
    """The kind of board in the words that sweeps select by.

    >>> board_type_of("Raspberry Pi 4 Model B Rev 1.4", "aarch64")
    'raspberry-pi-4'
    >>> board_type_of("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "aarch64")
    'jetson-orin-nano'
    >>> board_type_of("", "x86_64")
    'linux-x86_64'
    """
    for pattern, board_type in _BOARD_TYPES:
        if re.search(pattern, device_model, re.IGNORECASE):
            return board_type
    return f"linux-{architecture}" if architecture else "linux"


# First match wins: the longer names stand before those that they contain. The models are those that
# /proc/device-tree/model holds; a TX2 calls itself by its code name, a Coral Dev Board by its system-on-module's.
_BOARD_TYPES: Sequence[tuple[str, str]] = (
    (r"^Raspberry Pi Zero 2 W", "raspberry-pi-zero-2-w"),
    (r"^Raspberry Pi 3 Model B Plus", "raspberry-pi-3b-plus"),
    (r"^Raspberry Pi 3 Model A Plus", "raspberry-pi-3a-plus"),
    (r"^Raspberry Pi 3\b", "raspberry-pi-3"),
    (r"^Raspberry Pi 400\b", "raspberry-pi-400"),
    (r"^Raspberry Pi 4\b", "raspberry-pi-4"),
    (r"^Raspberry Pi 500\b", "raspberry-pi-500"),
    (r"^Raspberry Pi 5\b", "raspberry-pi-5"),
    (r"^Raspberry Pi Compute Module 3", "raspberry-pi-cm3"),
    (r"^Raspberry Pi Compute Module 4", "raspberry-pi-cm4"),
    (r"^Raspberry Pi Compute Module 5", "raspberry-pi-cm5"),
    (r"^Raspberry Pi 2\b", "raspberry-pi-2"),
    (r"^Raspberry Pi", "raspberry-pi"),
    (r"Jetson.*Thor", "jetson-thor"),
    (r"Jetson.*AGX.*Orin", "jetson-agx-orin"),
    (r"Jetson.*Orin.*NX", "jetson-orin-nx"),
    (r"Jetson.*Orin.*Nano", "jetson-orin-nano"),
    (r"Jetson.*Xavier.*NX", "jetson-xavier-nx"),
    (r"Jetson.*AGX", "jetson-agx-xavier"),
    (r"Jetson.*TX2|^quill", "jetson-tx2"),
    (r"Jetson[ _-]TX1", "jetson-tx1"),
    (r"Jetson.*Nano", "jetson-nano"),
    (r"Coral.*Mini", "coral-dev-mini"),
    (r"phanbell|Coral", "coral-dev"),
)

# Implementer and part of the MIDR register, as in the kernel's arch/arm64/include/asm/cputype.h.
_ARM_PARTS: Mapping[tuple[str, str], str] = {
    ("0x41", "0xb76"): "ARM1176",
    ("0x41", "0xc07"): "Cortex-A7",
    ("0x41", "0xc0f"): "Cortex-A15",
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0a"): "Cortex-A75",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd0c"): "Neoverse-N1",
    ("0x41", "0xd40"): "Neoverse-V1",
    ("0x41", "0xd41"): "Cortex-A78",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd49"): "Neoverse-N2",
    ("0x41", "0xd4f"): "Neoverse-V2",
    ("0x4e", "0x003"): "Denver 2",
    ("0x4e", "0x004"): "Carmel",
}

# Of the hundred flags of an x86 core those that a kernel of an inference runtime chooses by.
_X86_FEATURES = re.compile(r"sse4_[12]|ssse3|avx.*|fma|f16c|amx_.*|bmi[12]|popcnt")


def _cpuinfo(root: Path) -> Sequence[tuple[str, str]]:
    try:
        text = (root / "proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return ()
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return [(key.strip(), value.strip()) for key, _, value in pairs]


def _values(cpuinfo: Sequence[tuple[str, str]], key: str) -> list[str]:
    """The different values of one key over all cores, in order of appearance."""
    return list(dict.fromkeys(value for name, value in cpuinfo if name == key))


def _cpu_model(cpuinfo: Sequence[tuple[str, str]]) -> str:
    parts: dict[str, None] = {}
    implementer = ""
    for key, value in cpuinfo:
        if key == "CPU implementer":
            implementer = value
        elif key == "CPU part":
            parts[_ARM_PARTS.get((implementer, value), f"Arm {implementer}/{value}")] = None
    # Big and little cores are both named: `Cortex-A53 + Cortex-A73`.
    return " + ".join(parts) or next(iter(_values(cpuinfo, "model name")), "")


def _cpu_features(cpuinfo: Sequence[tuple[str, str]]) -> list[str]:
    arm = {feature for value in _values(cpuinfo, "Features") for feature in value.split()}
    x86 = {flag for value in _values(cpuinfo, "flags") for flag in value.split() if _X86_FEATURES.fullmatch(flag)}
    return sorted(arm | x86)


def _cpu_count(root: Path, cpuinfo: Sequence[tuple[str, str]]) -> int:
    online = read_line(root / "sys/devices/system/cpu/online")
    if online:
        spans = (part.partition("-") for part in online.split(","))
        return sum(int(last or first) - int(first) + 1 for first, _, last in spans)
    return sum(1 for key, _ in cpuinfo if key == "processor")


def _memory_bytes(root: Path) -> int:
    total = (read_line(root / "proc/meminfo") or "").split()
    return int(total[1]) * 1024 if len(total) >= 2 and total[0] == "MemTotal:" and total[1].isdigit() else 0


def _device_model(root: Path) -> str:
    model = read_line(root / "proc/device-tree/model")
    if model:
        return model
    dmi = root / "sys/class/dmi/id"
    words = (read_line(dmi / "sys_vendor") or "", read_line(dmi / "product_name") or "")
    return " ".join(word for word in words if word)


def _os(root: Path) -> str:
    for path in (root / "etc/os-release", root / "usr/lib/os-release"):
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        found = re.search(r"^PRETTY_NAME=(.*)$", text, re.MULTILINE)
        if found:
            return found[1].strip().strip("\"'")
    return ""


def _libc(root: Path) -> str:
    """`glibc 2.36`, `musl`; asked of the running system, so unknown for a tree that is not it."""
    if root == Path("/"):
        try:
            known = os.confstr("CS_GNU_LIBC_VERSION")
        except (ValueError, OSError):
            known = None
        if known:
            return known
    return "musl" if any((root / "lib").glob("ld-musl-*")) else ""


def _usb_devices(root: Path) -> list[str]:
    found = []
    for device in (root / "sys/bus/usb/devices").glob("*"):
        vendor, product = read_line(device / "idVendor"), read_line(device / "idProduct")
        if not vendor or not product or read_line(device / "bDeviceClass") == "09":  # a hub
            continue
        found.append(f"{vendor.lower()}:{product.lower()}@{read_line(device / 'speed') or 'unknown'}")
    return sorted(found)


def _extra(root: Path, cpuinfo: Sequence[tuple[str, str]]) -> dict[str, str]:
    extra = {
        "virtualization": _virtualization(root, cpuinfo),
        "container": _container(root),
        "cpu.revision": next(iter(_values(cpuinfo, "Revision")), ""),
        "cpu.microcode": next(iter(_values(cpuinfo, "microcode")), ""),
        "firmware": read_line(root / "sys/class/dmi/id/bios_version") or "",
        "l4t": _l4t(root),
    }
    return {name: value for name, value in extra.items() if value}


def _virtualization(root: Path, cpuinfo: Sequence[tuple[str, str]]) -> str:
    dmi = root / "sys/class/dmi/id"
    told = f"{read_line(dmi / 'sys_vendor') or ''} {read_line(dmi / 'product_name') or ''}"
    for word, name in (
        ("QEMU", "qemu"),
        ("KVM", "kvm"),
        ("VMware", "vmware"),
        ("VirtualBox", "virtualbox"),
        ("Xen", "xen"),
        ("Google Compute Engine", "gce"),
        ("Amazon EC2", "ec2"),
        ("Virtual Machine", "hyper-v"),
    ):
        if word in told:
            return name
    hypervisor = any("hypervisor" in flags.split() for flags in _values(cpuinfo, "flags"))
    return "unknown-hypervisor" if hypervisor else ""


def _container(root: Path) -> str:
    if (root / ".dockerenv").exists():
        return "docker"
    return "podman" if (root / "run/.containerenv").exists() else ""


def _l4t(root: Path) -> str:
    """The Jetson's release: `R35.4.1` of `# R35 (release), REVISION: 4.1, …`."""
    found = re.search(r"(R\d+) \(release\), REVISION: ([\d.]+)", read_line(root / "etc/nv_tegra_release") or "")
    return f"{found[1]}.{found[2]}" if found else ""


def _hashed(kind: str, secret: str) -> str:
    # systemd asks that a machine id is never shown (machine-id(5)); the prefix keeps this use of it apart from others.
    return hashlib.sha256(f"edge-device-farm board {kind} {secret}".encode()).hexdigest()[:16]

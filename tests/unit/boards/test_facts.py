from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Callable

import pytest

from farm_agent.facts import board_id_of, board_type_of, detect

Tree = Callable[[Mapping[str, str]], Path]

PI_4: Mapping[str, str] = {
    "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
    "proc/device-tree/serial-number": "100000005c1f3a2b\0",
    "proc/cpuinfo": (
        "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
        "processor\t: 1\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n"
        "Revision\t: c03114\nSerial\t\t: 100000005c1f3a2b\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    ),
    "proc/meminfo": "MemTotal:        3884364 kB\nMemFree:         2942012 kB\n",
    "proc/sys/kernel/hostname": "shelf-2\n",
    "proc/sys/kernel/osrelease": "6.6.31+rpt-rpi-v8\n",
    "proc/sys/kernel/random/boot_id": "0b0d6d5e-8d3a-4a6e-9d3c-0d3a8c1f0a11\n",
    "sys/devices/system/cpu/online": "0-3\n",
    "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
    "etc/machine-id": "5f2c7f4c0c8f4f0b9a4d7c1e2b3a4d5e\n",
    "sys/bus/usb/devices/1-1/idVendor": "2109\n",
    "sys/bus/usb/devices/1-1/idProduct": "3431\n",
    "sys/bus/usb/devices/1-1/bDeviceClass": "09\n",
    "sys/bus/usb/devices/1-1/speed": "480\n",
    "sys/bus/usb/devices/2-1/idVendor": "18D1\n",
    "sys/bus/usb/devices/2-1/idProduct": "9302\n",
    "sys/bus/usb/devices/2-1/bDeviceClass": "00\n",
    "sys/bus/usb/devices/2-1/speed": "5000\n",
    "sys/bus/usb/devices/2-1:1.0/bInterfaceClass": "ff\n",
}


def test_a_raspberry_pi_tells_who_it_is(tree: Tree) -> None:
    facts = detect(tree(PI_4), machine="aarch64")
    assert facts.device_model == "Raspberry Pi 4 Model B Rev 1.4"
    assert board_type_of(facts.device_model, facts.architecture) == "raspberry-pi-4"
    assert facts.cpu_model == "Cortex-A72"
    assert list(facts.cpu_features) == ["asimd", "cpuid", "crc32", "evtstrm", "fp"]
    assert facts.cpu_count == 4
    assert facts.memory_bytes == 3_884_364 * 1024
    assert facts.hostname == "shelf-2"
    assert facts.kernel == "6.6.31+rpt-rpi-v8"
    assert facts.os == "Debian GNU/Linux 12 (bookworm)"
    assert facts.boot_id == "0b0d6d5e-8d3a-4a6e-9d3c-0d3a8c1f0a11"
    assert facts.extra["cpu.revision"] == "c03114"
    assert "virtualization" not in facts.extra


def test_a_hub_is_no_usb_device_and_the_speed_stands_beside_the_accelerator(tree: Tree) -> None:
    assert list(detect(tree(PI_4), "aarch64").usb_devices) == ["18d1:9302@5000"]


def test_big_and_little_cores_are_both_named(tree: Tree) -> None:
    core = "processor\t: {}\nCPU implementer\t: 0x41\nCPU part\t: {}\n\n"
    root = tree({"proc/cpuinfo": core.format(0, "0xd03") + core.format(1, "0xd09") + core.format(2, "0xd09")})
    facts = detect(root, "aarch64")
    assert facts.cpu_model == "Cortex-A53 + Cortex-A73"
    assert facts.cpu_count == 3


def test_an_arm_core_that_nobody_listed_shows_its_numbers(tree: Tree) -> None:
    root = tree({"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x61\nCPU part\t: 0x022\n"})
    assert detect(root, "aarch64").cpu_model == "Arm 0x61/0x022"


def test_a_pc_is_known_by_dmi_and_a_virtual_machine_by_its_cpu_flag(tree: Tree) -> None:
    root = tree(
        {
            "sys/class/dmi/id/sys_vendor": "QEMU\n",
            "sys/class/dmi/id/product_name": "Standard PC (Q35 + ICH9, 2009)\n",
            "sys/class/dmi/id/bios_version": "1.16.2\n",
            "proc/cpuinfo": (
                "processor\t: 0\nmodel name\t: AMD EPYC 7763\nmicrocode\t: 0xa0011d1\n"
                "flags\t\t: fpu hypervisor avx2 fma\n"
            ),
        }
    )
    facts = detect(root, "x86_64")
    assert facts.device_model == "QEMU Standard PC (Q35 + ICH9, 2009)"
    assert facts.cpu_model == "AMD EPYC 7763"
    assert list(facts.cpu_features) == ["avx2", "fma"]
    assert facts.extra["virtualization"] == "qemu"
    assert facts.extra["firmware"] == "1.16.2"
    assert facts.extra["cpu.microcode"] == "0xa0011d1"
    assert board_type_of(facts.device_model, "x86_64") == "linux-x86_64"


def test_a_hypervisor_without_dmi_is_still_told(tree: Tree) -> None:
    root = tree({"proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu hypervisor\n"})
    assert detect(root, "x86_64").extra["virtualization"] == "unknown-hypervisor"


def test_nothing_to_read_is_unknown_and_no_error(tmp_path: Path) -> None:
    facts = detect(tmp_path, "riscv64")
    assert (facts.hostname, facts.cpu_model, facts.cpu_count, facts.memory_bytes) == ("", "", 0, 0)
    assert (facts.kernel, facts.os, facts.libc, facts.boot_id) == ("", "", "", "")
    assert not facts.usb_devices
    assert not facts.extra
    assert board_id_of(tmp_path) == ""


@pytest.mark.parametrize(
    ("model", "board_type"),
    [
        ("Raspberry Pi 3 Model B Rev 1.2", "raspberry-pi-3"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "raspberry-pi-3b-plus"),
        ("Raspberry Pi 4 Model B Rev 1.4", "raspberry-pi-4"),
        ("Raspberry Pi 400 Rev 1.0", "raspberry-pi-400"),
        ("Raspberry Pi 5 Model B Rev 1.0", "raspberry-pi-5"),
        ("Raspberry Pi Zero 2 W Rev 1.0", "raspberry-pi-zero-2-w"),
        ("Raspberry Pi Compute Module 4 Rev 1.1", "raspberry-pi-cm4"),
        ("NVIDIA Jetson Nano Developer Kit", "jetson-nano"),
        ("NVIDIA Jetson Xavier NX Developer Kit", "jetson-xavier-nx"),
        ("Jetson-AGX", "jetson-agx-xavier"),
        ("NVIDIA Jetson AGX Orin Developer Kit", "jetson-agx-orin"),
        ("NVIDIA Jetson Orin NX Engineering Reference Developer Kit", "jetson-orin-nx"),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "jetson-orin-nano"),
        ("NVIDIA Jetson AGX Thor Developer Kit", "jetson-thor"),
        ("quill", "jetson-tx2"),
        ("jetson_tx1", "jetson-tx1"),
        ("Freescale i.MX8MQ Phanbell", "coral-dev"),
        ("Hardkernel ODROID-N2", "linux-aarch64"),
    ],
)
def test_the_board_type_follows_from_the_device_tree(model: str, board_type: str) -> None:
    assert board_type_of(model, "aarch64") == board_type


def test_the_board_id_survives_a_new_card_and_hides_what_it_is_made_of(tree: Tree) -> None:
    root = tree(PI_4)
    first = board_id_of(root)
    tree({"etc/machine-id": "ffffffffffffffffffffffffffffffff\n"})
    assert board_id_of(root) == first
    assert len(first) == 16
    assert "5c1f3a2b" not in first


def test_two_machines_without_serial_numbers_differ_by_their_machine_id(tree: Tree) -> None:
    root = tree({"etc/machine-id": "5f2c7f4c0c8f4f0b9a4d7c1e2b3a4d5e\n"})
    first = board_id_of(root)
    assert first
    assert not first.startswith("5f2c7f4c")
    tree({"etc/machine-id": "11112222333344445555666677778888\n"})
    assert board_id_of(root) != first


def test_the_release_of_a_jetson_is_named(tree: Tree) -> None:
    root = tree({"etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref\n"})
    assert detect(root, "aarch64").extra["l4t"] == "R35.4.1"

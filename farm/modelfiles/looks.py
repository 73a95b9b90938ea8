"""What a file looks like, told from its first bytes, for the person who named the wrong one."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["describe"]

_HEAD = 512
_MAGIC: Sequence[tuple[int, bytes, str]] = (
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"version https://git-lfs", "a Git LFS pointer: the model itself was not downloaded; run `git lfs pull`"),
    (0, b"PK\x03\x04", "a zip archive (an .npz, a PyTorch or a Keras file is one)"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"\xfd7zXZ", "an xz archive; unpack it first"),
    (0, b"\x89HDF\r\n", "an HDF5 file, as Keras writes it; convert it first"),
    (0, b"\x93NUMPY", "a numpy array"),
    (0, b"\x7fELF", "a program or a library (ELF)"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"%PDF", "a PDF document"),
    (0, b"ftrt", "a TensorRT engine"),
    (0, b"\x80\x02", "a Python pickle, as old PyTorch files are; convert it first"),
)


def describe(head: bytes, size_bytes: int) -> str:
    """What the first bytes of a file of that size say, in words.

    >>> describe(b"<!DOCTYPE html><html>", 21)
    'a web page (HTML): the download probably needs a login, or the address shows a page about the file'
    """
    if not size_bytes:
        return "an empty file"
    for offset, magic, words in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return words
    start = head[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page (HTML): the download probably needs a login, or the address shows a page about the file"
    if start.startswith(b"<"):
        return "an XML text"
    if re.match(rb"\{|\[\s*[\[{\"0-9-]", start) and _is_text(head):
        return "a JSON text"
    if _is_text(head):
        first = head.split(b"\n", 1)[0][:60].decode("utf-8", "replace").strip()
        return f'a text file that begins with "{first}"'
    # ir_version, the first field of every ONNX file: tag 0x08 and a small number.
    if (
        len(head) > 2
        and head[0] == 0x08
        and 1 <= head[1] <= 32
        and head[2] in {0x12, 0x1A, 0x22, 0x2A, 0x32, 0x3A, 0x42}
    ):
        return "an ONNX model"
    return f"binary data that begins with {head[:8].hex(' ')}"


def _is_text(head: bytes) -> bool:
    try:
        text = head[:_HEAD].decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut in two.
        if error.start < len(head[:_HEAD]) - 4 or error.start == 0:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\r\n\t\f" for character in text)

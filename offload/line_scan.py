"""Reads a JSON line of any length, in parts, and keeps its long strings by their beginnings: memory is bounded by what is kept.

No general JSON reader: it finds where strings begin and end, and leaves the rest to one.
"""

import binascii
import codecs
import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Whole characters and escapes of a JSON string. What is left behind a match is its end, or an escape that is not all there yet.
_UNITS = re.compile(rb'(?:[^"\\]+|\\u[0-9a-fA-F]{4}|\\[^u])*+', re.DOTALL)

# No part of the text of any line that was written before this process began.
_MARK = f"\ue000{secrets.token_hex(16)}:"


class NotJsonError(ValueError):
    """The line is no JSON."""


@dataclass(frozen=True)
class Whole:
    """What a string was before it was cut."""

    utf8_bytes: int
    utf8_sha256: str
    base64_bytes: int
    """-1: it is no base64."""
    base64_sha256: str


class Digest:
    """Length and SHA-256 of what a string stands for, as text and as base64, taken in parts."""

    def __init__(self) -> None:
        self._utf8 = hashlib.sha256()
        self._utf8_bytes = 0
        self._base64: Any = hashlib.sha256()
        self._base64_bytes = 0
        self._group = b""

    def take(self, part: bytes) -> None:
        """More of it, in UTF-8."""
        self._utf8.update(part)
        self._utf8_bytes += len(part)
        if self._base64 is not None:
            data = self._group + part
            whole = len(data) - len(data) % 4
            self._group = data[whole:]
            try:
                # Padding is at the very end only.
                decoded = binascii.a2b_base64(data[:whole], strict_mode=True)
            except binascii.Error:
                self._base64 = None
                return
            self._base64.update(decoded)
            self._base64_bytes += len(decoded)

    def whole(self) -> Whole:
        """What it came to."""
        if self._base64 is None or self._group:
            return Whole(self._utf8_bytes, self._utf8.hexdigest(), -1, "")
        return Whole(self._utf8_bytes, self._utf8.hexdigest(), self._base64_bytes, self._base64.hexdigest())


def scan(parts: Iterable[bytes], keep_bytes: int) -> Any:
    """Read one line, without its end, and keep of each string about so many bytes; `whole_of` tells what was cut.

    Raises:
        NotJsonError: it is none.
    """
    scanner = _Scanner(keep_bytes)
    for part in parts:
        # (What reading the parts raises is not about the line.)
        try:
            scanner.take(part)
        except UnicodeDecodeError as error:
            raise NotJsonError(str(error)) from error
    try:
        return scanner.end()
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error


class _Scanner:
    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._out = bytearray()
        self._rest = b""
        self._string: _String | None = None
        self._cut: list[Whole] = []

    def take(self, part: bytes) -> None:
        data = self._rest + part
        at = 0
        while at < len(data):
            if self._string is None:
                quote = data.find(b'"', at)
                end = len(data) if quote < 0 else quote + 1
                self._out += data[at:end]
                at = end
                if quote >= 0:
                    self._string = _String(self._keep_bytes)
                continue
            match = _UNITS.match(data, at)
            assert match is not None
            self._string.take(data[at : match.end()])
            at = match.end()
            if data[at : at + 1] != b'"':
                # An escape that is not all there, or nothing: more is to come.
                break
            self._end_string()
            at += 1
        self._rest = data[at:]
        if len(self._rest) > 6:
            raise NotJsonError("an escape that is none")

    def _end_string(self) -> None:
        assert self._string is not None
        kept, whole = self._string.end()
        self._out += kept
        if whole is not None:
            self._out += f"{_MARK}{len(self._cut)}".encode()
            self._cut.append(whole)
        self._out += b'"'
        self._string = None

    def end(self) -> Any:
        if self._string is not None or self._rest:
            raise NotJsonError("a string has no end")
        return _unmarked(json.loads(bytes(self._out)), self._cut)


class _String:
    """One string, while it is read: all of it, or its beginning and the digest of all."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._kept = bytearray()
        self._digest: Digest | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")

    def take(self, raw: bytes) -> None:
        if self._digest is None:
            self._kept += raw
            if len(self._kept) <= self._keep_bytes:
                return
            self._digest = Digest()
            raw = bytes(self._kept)
            del self._kept[self._keep_bytes :]
        text = self._decoder.decode(raw)
        if "\\" in text:
            text = _unescaped(text)
        self._digest.take(text.encode("utf-8", "surrogatepass"))

    def end(self) -> tuple[bytes, Whole | None]:
        kept = bytes(self._kept)
        if self._digest is None:
            return kept, None
        return whole_units(kept), self._digest.whole()


def whole_units(raw: bytes) -> bytes:
    """``raw``, the beginning of a JSON string, without a character or an escape at its end that is cut."""
    match = _UNITS.match(raw)
    assert match is not None
    return raw[: codecs.utf_8_decode(raw[: match.end()], "surrogatepass", False)[1]]


def _unescaped(text: str) -> str:
    try:
        read: str = json.loads(f'"{text}"')
    except ValueError as error:
        raise NotJsonError(str(error)) from error
    return read


class _Cut(str):
    """A string that is the beginning of another."""

    __slots__ = ("whole",)

    whole: Whole


def _unmarked(value: Any, wholes: list[Whole]) -> Any:
    if isinstance(value, str):
        beginning, mark, number = value.rpartition(_MARK)
        if not mark:
            return value
        text = _Cut(beginning)
        text.whole = wholes[int(number)]
        return text
    if isinstance(value, list):
        return [_unmarked(item, wholes) for item in value]
    if isinstance(value, dict):
        return {name: _unmarked(item, wholes) for name, item in value.items()}
    return value


def whole_of(text: str) -> Whole | None:
    """What ``text`` was before `scan` cut it; None: it is whole."""
    return text.whole if isinstance(text, _Cut) else None

"""Variable-length integers and typed data (SPOE.txt, 3.1)."""

from typing import Final

from agent.spop.errors import INVALID, SpopError

type_null: Final = 0
type_bool: Final = 1
type_int32: Final = 2
type_uint32: Final = 3
type_int64: Final = 4
type_uint64: Final = 5
type_ipv4: Final = 6
type_ipv6: Final = 7
type_str: Final = 8
type_bin: Final = 9

_TRUE: Final = 0x10

Value = None | bool | int | bytes
"""Strings, binaries and addresses (4 or 16 bytes) are all bytes: what a value means is for the reader to know."""


def encode_varint(number: int) -> bytes:
    """``number`` (0 to 2^64 - 1) as 1 to 10 bytes."""
    if number < 240:
        return bytes((number,))
    out = bytearray(((number | 240) & 0xFF,))
    number = (number - 240) >> 4
    while number >= 128:
        out.append((number | 128) & 0xFF)
        number = (number - 128) >> 7
    out.append(number)
    return bytes(out)


def decode_varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at ``position`` and the position behind it.

    Raises:
        IndexError: the data end within the number.
        SpopError: the number does not end where one of 64 bits must.
    """
    number = data[position]
    position += 1
    if number < 240:
        return number, position
    shift = 4
    while True:
        byte = data[position]
        position += 1
        number += byte << shift
        if byte < 128:
            return number, position
        shift += 7
        if shift > 60:
            raise SpopError(INVALID, "a variable-length integer is too long")


def encode_value(value: str | int | bool | bytes | None) -> bytes:
    """``value`` with its type: str as STRING, bytes as BINARY, int as UINT32 or UINT64."""
    if value is None:
        return bytes((type_null,))
    if isinstance(value, bool):
        return bytes((type_bool | (_TRUE if value else 0),))
    if isinstance(value, int):
        return bytes((type_uint32 if value < 1 << 32 else type_uint64,)) + encode_varint(value)
    text = value.encode() if isinstance(value, str) else value
    return bytes((type_str if isinstance(value, str) else type_bin,)) + encode_varint(len(text)) + text


def decode_pairs(data: bytes, position: int, end: int) -> dict[bytes, Value]:
    """The names and values from ``position`` to ``end`` (a KV-LIST).

    Raises:
        SpopError: they do not fit before ``end``, or a type is unknown.
    """
    pairs: dict[bytes, Value] = {}
    try:
        while position < end:
            size, position = decode_varint(data, position)
            name = data[position : position + size]
            [pairs[name]], position = decode_values(data, position + size, end, 1, named=False)
    except IndexError as error:
        raise SpopError(INVALID, "a frame ends within a name") from error
    return pairs


def decode_values(
    data: bytes, position: int, end: int, count: int, *, named: bool
) -> tuple[list[Value], int]:
    """``count`` values from ``position`` on, and the position behind them; ``named``: a name precedes each, and is skipped.

    Raises:
        SpopError: they do not fit before ``end``, or a type is unknown.
    """
    values: list[Value] = []
    try:
        for _ in range(count):
            if named:
                size = data[position]
                position += 1
                if size >= 240:
                    size, position = decode_varint(data, position - 1)
                position += size
            kind = data[position]
            position += 1
            low = kind & 0x0F
            if low >= type_str:
                if low > type_bin:
                    raise SpopError(INVALID, f"unknown data type {low}")
                size = data[position]
                position += 1
                if size >= 240:
                    size, position = decode_varint(data, position - 1)
                values.append(data[position : position + size])
                position += size
            elif low == type_null:
                values.append(None)
            elif low == type_bool:
                values.append(kind & _TRUE != 0)
            elif low <= type_uint64:
                number, position = decode_varint(data, position)
                # Negative numbers travel as 64-bit two's complement, whatever their type.
                if low != type_uint64 and number >= 1 << 63:
                    number -= 1 << 64
                values.append(number)
            else:
                size = 4 if low == type_ipv4 else 16
                values.append(data[position : position + size])
                position += size
            if position > end:
                raise SpopError(INVALID, "a value reaches beyond its frame")
    except IndexError as error:
        raise SpopError(INVALID, "a frame ends within a value") from error
    return values, position

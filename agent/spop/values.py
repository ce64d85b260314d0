"""Variable-length integers and typed data (SPOE.txt, 3.1)."""

from agent.spop.errors import INVALID, SpopError

type_null, type_bool, type_int32, type_uint32, type_int64, type_uint64, type_ipv4, type_ipv6, type_str, type_bin = range(10)

_TRUE = 0x10

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


def decode_pairs(data: bytes, position: int, end: int, count: int) -> tuple[list[tuple[bytes, Value]], int]:
    """``count`` names with their values from ``position`` on (all up to ``end`` when ``count`` is -1), and the position behind them.

    Raises:
        SpopError: they do not fit before ``end``, or a type is unknown.
    """
    pairs: list[tuple[bytes, Value]] = []
    try:
        while count != 0 and (count > 0 or position < end):
            size = data[position]
            position += 1
            if size >= 240:
                size, position = decode_varint(data, position - 1)
            name = data[position : position + size]
            position += size
            kind = data[position]
            position += 1
            low = kind & 0x0F
            value: Value
            if low == type_str or low == type_bin:
                size = data[position]
                position += 1
                if size >= 240:
                    size, position = decode_varint(data, position - 1)
                value = data[position : position + size]
                position += size
            elif low == type_null:
                value = None
            elif low == type_bool:
                value = kind & _TRUE != 0
            elif low <= type_uint64:
                value, position = decode_varint(data, position)
                # Negative numbers travel as 64-bit two's complement, whatever their type.
                if value >= 1 << 63 and low != type_uint64:
                    value -= 1 << 64
            elif low == type_ipv4 or low == type_ipv6:
                size = 4 if low == type_ipv4 else 16
                value = data[position : position + size]
                position += size
            else:
                raise SpopError(INVALID, f"unknown data type {low}")
            if position > end:
                raise SpopError(INVALID, "a value reaches beyond its frame")
            pairs.append((name, value))
            count -= 1
    except IndexError as error:
        raise SpopError(INVALID, "a frame ends within a value") from error
    return pairs, position

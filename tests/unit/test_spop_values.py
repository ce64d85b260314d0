"""Variable-length integers and typed data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.spop.errors import SpopError
from agent.spop.values import Value, decode_pairs, decode_values, decode_varint, encode_value, encode_varint

# SPOE.txt, 3.1: the ranges' first and last numbers.
VARINTS = [
    (0, "00"),
    (239, "ef"),
    (240, "f000"),
    (2287, "ff7f"),
    (2288, "f08000"),
    (264431, "ffff7f"),
    (264432, "f0808000"),
    (33818863, "ffffff7f"),
    (33818864, "f080808000"),
    (65532, "fcf01e"),
]


@pytest.mark.parametrize(("number", "hexadecimal"), VARINTS)
def test_varint_table(number: int, hexadecimal: str) -> None:
    assert encode_varint(number).hex() == hexadecimal
    assert decode_varint(bytes.fromhex(hexadecimal), 0) == (number, len(hexadecimal) // 2)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_varint_round_trip(number: int, rest: bytes) -> None:
    encoded = encode_varint(number)
    assert decode_varint(encoded + rest, 0) == (number, len(encoded))


def test_varint_without_end_is_refused() -> None:
    with pytest.raises(SpopError, match="too long"):
        decode_varint(b"\xff" * 30, 0)


@pytest.mark.parametrize(
    ("hexadecimal", "value"),
    [
        ("00", None),
        ("01", False),
        ("11", True),
        ("0205", 5),
        ("03fcf01e", 65532),
        # -1 as HAProxy encodes it: 64-bit two's complement.
        ("04" + encode_varint(2**64 - 1).hex(), -1),
        ("05" + encode_varint(2**64 - 1).hex(), 2**64 - 1),
        ("067f000001", b"\x7f\0\0\1"),
        ("07" + "00" * 15 + "01", b"\0" * 15 + b"\1"),
        ("0803616263", b"abc"),
        ("0900", b""),
    ],
)
def test_typed_data_table(hexadecimal: str, value: Value) -> None:
    data = bytes.fromhex(hexadecimal)
    assert decode_values(data, 0, len(data), 1, named=False) == ([value], len(data))


@pytest.mark.parametrize(
    "hexadecimal", ["0a", "0f00", "08", "0805616263", "0967", "067f00", "07" + "00" * 15, "02", "03ff"]
)
def test_bad_typed_data_is_refused(hexadecimal: str) -> None:
    data = bytes.fromhex(hexadecimal)
    with pytest.raises(SpopError):
        decode_values(data, 0, len(data), 1, named=False)


def test_a_value_may_not_reach_into_the_next_frame() -> None:
    with pytest.raises(SpopError, match="beyond its frame"):
        decode_values(bytes.fromhex("0803616263"), 0, 4, 1, named=False)


names = st.text(max_size=300).map(str.encode)
values = st.one_of(
    st.none(), st.booleans(), st.integers(0, 2**64 - 1), st.binary(max_size=5000), st.text(max_size=300)
)


@given(st.dictionaries(names, values, max_size=20))
def test_pairs_round_trip(pairs: dict[bytes, str | int | bytes | None]) -> None:
    data = b"".join(encode_varint(len(name)) + name + encode_value(value) for name, value in pairs.items())
    expected = {name: value.encode() if isinstance(value, str) else value for name, value in pairs.items()}
    assert decode_pairs(data, 0, len(data)) == expected
    assert decode_values(data, 0, len(data), len(pairs), named=True) == (list(expected.values()), len(data))


@given(st.binary(max_size=200), st.integers(0, 30))
def test_any_bytes_are_read_or_refused(data: bytes, count: int) -> None:
    for read in (
        lambda: decode_values(data, 0, len(data), count, named=True),
        lambda: decode_pairs(data, 0, len(data)),
    ):
        try:
            read()
        except SpopError:
            continue

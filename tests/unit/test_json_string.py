"""Text as JSON shows it, with and without orjson."""

import json

from hypothesis import given
from hypothesis import strategies as st

from record.json_string import escape, escape_slowly, escaped_bytes, quote


@given(st.text(st.characters(codec="utf-8")))
def test_both_ways_say_the_same(text: str) -> None:
    assert escape(text) == escape_slowly(text) == quote(text)[1:-1].encode()
    assert json.loads(quote(text)) == text
    assert escaped_bytes(text.encode()) == len(escape(text))


def test_how_long_each_character_is() -> None:
    for code in range(0x300):
        assert escaped_bytes(chr(code).encode()) == len(escape_slowly(chr(code)))

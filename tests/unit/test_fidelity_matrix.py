"""The matrix of the fidelity suite: a column that failed shows, and so does a test that failed elsewhere."""

import pytest

from tests.integration.fidelity_matrix import Verdict, matrix_lines


def looked_at(name: str, group: str, *, fails: str = "") -> Verdict:
    verdict = Verdict(name, group)
    for column in ("client", "shadow"):
        with verdict.column(column):
            assert column != fails
    return verdict


def fail(error: Exception) -> None:
    raise error


def test_table_has_a_row_for_each_group_the_names_of_what_failed_and_a_total() -> None:
    lines = matrix_lines(
        [
            (looked_at("a", "GET"), True),
            (looked_at("b", "GET", fails="shadow"), False),
            (looked_at("c", "PUT"), True),
            (Verdict("d", "PUT"), False),
        ]
    )
    cells = [line.split() for line in lines]
    assert cells[1] == ["GET", "2", "ok", "-", "FAIL", "1/2", "-", "-"]
    assert cells[2] == ["PUT", "2", "ok", "-", "ok", "-", "-"]
    assert lines[3:] == ["FAIL b: shadow", "FAIL d: see above", "4 cases, 2 ok"]


def test_every_column_has_its_say_before_the_test_fails() -> None:
    verdict = Verdict("a", "GET")
    for column, error in (("client", AssertionError("one")), ("shadow", KeyError("two"))):
        with verdict.column(column):
            fail(error)
    with pytest.raises(AssertionError, match=r"client: AssertionError: one\nshadow: KeyError: 'two'"):
        verdict.conclude()

"""What each case of the fidelity suite says about client, nodes and logs, and the table of it that ``--matrix`` prints at the end."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

COLUMNS = ("client", "primary", "shadow", "primary's log", "shadow's log")
_PROPERTY = "fidelity"


@dataclass
class Verdict:
    """Of one case: each column has its say before the test fails."""

    name: str
    group: str
    """The row of the matrix."""
    failures: dict[str, str] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)

    @contextmanager
    def column(self, name: str) -> Iterator[None]:
        """What is checked in the block belongs to one of `COLUMNS`."""
        assert name in COLUMNS
        self.checked.add(name)
        try:
            yield
        except (AssertionError, LookupError, ValueError) as error:
            self.failures.setdefault(name, f"{type(error).__name__}: {error}")

    def conclude(self) -> None:
        """Fail the test when a column failed.

        Raises:
            AssertionError: naming each of them.
        """
        assert not self.failures, "\n".join(f"{name}: {text}" for name, text in self.failures.items())

    @property
    def cells(self) -> dict[str, str]:
        """Of the row: ``ok``, ``FAIL``, or ``-`` where there was nothing to see."""
        return {
            name: "FAIL" if name in self.failures else "ok" if name in self.checked else "-"
            for name in COLUMNS
        }


@pytest.fixture
def verdict(request: pytest.FixtureRequest, record_property: Any) -> Verdict:
    """The test's own; it sets its ``group``. What it comes to is in the matrix however the test ends."""
    verdict = Verdict(request.node.name, request.node.module.__name__.rpartition(".")[2])
    record_property(_PROPERTY, verdict)
    return verdict


def add_option(parser: pytest.Parser) -> None:
    """The command line's ``--matrix``."""
    parser.addoption("--matrix", action="store_true", help="print the fidelity suite's matrix at the end")


def print_matrix(terminal: pytest.TerminalReporter) -> None:
    """One row for each group of cases, one column for each place where they were looked at."""
    verdicts = verdicts_of(terminal)
    terminal.section("fidelity")
    for line in matrix_lines(verdicts):
        terminal.write_line(line)


def verdicts_of(terminal: pytest.TerminalReporter) -> list[tuple[Verdict, bool]]:
    """Each case's verdict, and whether its test passed."""
    return [
        (value, report.outcome == "passed")
        for reports in terminal.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]


def matrix_lines(verdicts: list[tuple[Verdict, bool]]) -> list[str]:
    """The table, the names of the cases that failed, and the total."""
    groups = list(dict.fromkeys(verdict.group for verdict, _ in verdicts))
    width = max([len(group) for group in groups] + [5])
    lines = [f"{'':{width}}  cases  " + "  ".join(f"{column:13}" for column in COLUMNS)]
    for group in groups:
        mine = [verdict.cells for verdict, _ in verdicts if verdict.group == group]
        cells = "  ".join(f"{_cell([cells[column] for cells in mine]):13}" for column in COLUMNS)
        lines.append(f"{group:{width}}  {len(mine):5}  {cells}".rstrip())
    failed = [verdict for verdict, passed in verdicts if not passed]
    lines += [f"FAIL {verdict.name}: {', '.join(verdict.failures) or 'see above'}" for verdict in failed]
    lines.append(f"{len(verdicts)} cases, {len(verdicts) - len(failed)} ok")
    return lines


def _cell(cells: list[str]) -> str:
    looked_at = [cell for cell in cells if cell != "-"]
    if not looked_at:
        return "-"
    failed = looked_at.count("FAIL")
    return f"FAIL {failed}/{len(looked_at)}" if failed else "ok"

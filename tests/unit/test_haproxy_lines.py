"""HAProxy's lines: one table, from which the log-format and the Lua script come, and by which the agent reads."""

from agent.lines import End, Unanswered, parse_line
from haproxy_config.render import TEMPLATES
from service.haproxy_lines import END, UNANSWERED, UNANSWERED_WORD, end_log_format
from tests.unit.regenerate_unanswered_lua import FILE, script


def test_the_agent_reads_each_field_of_an_end_under_its_name() -> None:
    # A field's value is its name here, and a completion is a number to the reader.
    values = [b"12" if field.name == "completion" else field.name.encode() for field in END]
    end = parse_line(b" ".join(values))
    assert isinstance(end, End)
    read = [getattr(end, field.name) for field in END]
    assert read == [12 if value == b"12" else value for value in values]


def test_the_agent_reads_each_field_of_an_unanswered_request_under_its_name() -> None:
    names = [field.name.encode() for field in UNANSWERED]
    unanswered = parse_line(b" ".join([UNANSWERED_WORD.encode(), *names]))
    assert isinstance(unanswered, Unanswered)
    assert [getattr(unanswered, field.name) for field in UNANSWERED] == names


def test_no_expression_makes_two_fields() -> None:
    assert len(end_log_format().split(" ")) == len(END)
    assert len({field.name for field in END}) == len(END)
    # A line of the one kind is never as long as one of the other.
    assert len(END) != len(UNANSWERED) + 1


def test_the_script_is_what_the_table_gives() -> None:
    assert FILE.read_text(encoding="utf-8") == script(), "run: python -m tests.unit.regenerate_unanswered_lua"


def test_the_template_has_no_log_format_of_its_own() -> None:
    template = (TEMPLATES / "haproxy.cfg.j2").read_text("utf-8")
    assert template.count("log-format ") == template.count('log-format "{{ end_log_format }}"') == 1

"""``docker_config_base/haproxy/unanswered.lua``, made from the table of the line's fields: ``python -m tests.unit.regenerate_unanswered_lua``."""

from pathlib import Path

from service.haproxy_lines import UNANSWERED, UNANSWERED_WORD

FILE = Path(__file__).parents[2] / "docker_config_base" / "haproxy" / "unanswered.lua"

_SCRIPT = """\
-- Made from service/haproxy_lines.py by `python -m tests.unit.regenerate_unanswered_lua`. Do not edit.
--
-- Writes the request of a transaction whose node closed without an answer into the ring, as a line of its own.
--
-- HAProxy may close the client's connection then without a word, so that the client tries again, and writes no line of its own. Other
-- actions can't report it: SPOE may not wait at that point. "tcp-response" rules are evaluated even then.

local function field(value)
    if value == nil or value == "" then
        return "-"
    end
    return tostring(value)
end

core.register_action("tell_unanswered", {{ "tcp-res" }}, function(txn)
    local function base64(name)
        local value = txn:get_var("txn." .. name)
        return value and field(txn.c:base64(value)) or "-"
    end
    txn:log(core.info, table.concat({{
        "{word}",
{fields}
    }}, " "))
end, 0)
"""


def script() -> str:
    """The script as text."""
    return _SCRIPT.format(
        word=UNANSWERED_WORD, fields="\n".join(f"        {field.expression}," for field in UNANSWERED)
    )


if __name__ == "__main__":
    FILE.write_text(script(), encoding="utf-8")

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

core.register_action("tell_unanswered", { "tcp-res" }, function(txn)
    local function base64(name)
        local value = txn:get_var("txn." .. name)
        return value and field(txn.c:base64(value)) or "-"
    end
    txn:log(core.info, table.concat({
        "unanswered",
        field(txn.sf:unique_id()),
        field(txn.sf:src()) .. ":" .. field(txn.sf:src_port()),
        field(txn:get_var("txn.request_version")),
        field(txn.sf:capture_req_method()),
        field(txn:get_var("txn.known")),
        field(txn:get_var("txn.received")),
        field(txn:get_var("txn.arrived")),
        base64("url"),
        base64("request_headers"),
        base64("request_body"),
        field(txn:get_var("txn.through_tee")),
    }, " "))
end, 0)

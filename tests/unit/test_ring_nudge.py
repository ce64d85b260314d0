"""Which of HAProxy's sessions feeds the ring."""

from agent.ring_nudge import forwarding_sessions

ANSWER = b"""0x7f85f2055c00: [25/Nov/2026:14:30:54.843343] id=0 proto=?
  flags=0x42, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=0x7f85f2066000, pend_pos=(nil) waiting=0 epoch=0
  frontend=ends (id=5 mode=tcp), listener=? (id=0)
  backend=ends (id=5 mode=tcp) addr=unix
0x7f85f1080000: [25/Nov/2026:14:31:00.459572] id=2 proto=unix_stream source=unix:1
  flags=0x8, conn_retries=0, conn_exp=<NEVER> conn_et=0x000 srv_conn=(nil), pend_pos=(nil) waiting=0 epoch=0
  frontend=GLOBAL (id=0 mode=tcp), listener=? (id=1) addr=unix:1
  backend=<NONE> (id=-1 mode=-)
0x7f85f1357000: [25/Nov/2026:14:31:04.611281] id=7 proto=tcpv4 source=127.0.0.1:1
  frontend=clients (id=7 mode=http), listener=? (id=1) addr=127.0.0.1:9200

"""


def test_the_rings_session_is_found_among_others() -> None:
    assert forwarding_sessions(ANSWER) == [b"0x7f85f2055c00"]
    assert forwarding_sessions(ANSWER[ANSWER.index(b"0x7f85f1080000") :]) == []
    assert forwarding_sessions(b"\n") == []

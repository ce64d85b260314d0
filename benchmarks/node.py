"""The clusters' stand-ins: nginx with one worker and a short answer like Elasticsearch's, which counts what it answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.host_process import running
from benchmarks.processes import session_processes

PATH = "/logs/_search"
"""What the loads ask for. Only this is counted: health checks ask for / ."""

_ANSWER = (
    '{"took":3,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},'
    '"hits":{"total":{"value":1,"relation":"eq"},"max_score":1.0,"hits":[{"_index":"logs","_type":"_doc","_id":"1",'
    '"_score":1.0,"_source":{"message":"GET /index.html 200","level":"info"}}]}}'
)

# The count: an access log of empty lines, one byte for each request that was answered. stub_status would count health checks too.
_CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    log_format one "";
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    {temporary}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type application/json;
        location = / {{ return 200 "{{}}"; }}
        location = {path} {{ access_log {folder}/count one buffer=64k flush=10ms; return 200 '{answer}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class ClusterNode:
    """A node that answers on the loopback."""

    port: int
    pid: int
    counted: Path

    @property
    def addresses(self) -> tuple[str, ...]:
        """HOST:PORT, as `benchmarks.subject.Node` says."""
        return (f"127.0.0.1:{self.port}",)

    @property
    def answered(self) -> int:
        """Requests for `PATH` that it has answered, exactly; at most 10 ms old."""
        return self.counted.stat().st_size

    @property
    def processes(self) -> frozenset[int]:
        """Its processes."""
        return session_processes(self.pid)


@contextmanager
def cluster_node(folder: Path, port: int) -> Iterator[ClusterNode]:
    """Run one, with its files in ``folder``, which is made."""
    folder.mkdir()
    config = folder / "nginx.conf"
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
    config.write_text(
        _CONFIG.format(folder=folder, temporary=temporary, port=port, path=PATH, answer=_ANSWER)
    )
    command = ["nginx", "-p", str(folder), "-e", "stderr", "-c", str(config)]
    with running(command, folder / "nginx.log", port) as pid:
        yield ClusterNode(port, pid, folder / "count")

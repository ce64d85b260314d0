"""The golden files: every variant of the rendered files, as they were when somebody last looked at them.

After a change of the templates or the settings, run ``python -m tests.unit.regenerate_golden`` and read the difference.
"""

import shutil
from pathlib import Path

from haproxy_config.nodes import parse_nodes
from haproxy_config.render import render_files
from haproxy_config.settings import ProxySettings

GOLDEN = Path(__file__).parent / "golden"

KEY = "golden-key-0123456789"

VARIANTS = {
    "primary_with_mirror": ProxySettings(
        role="primary",
        nodes=parse_nodes(["es-1.example:9200", "192.0.2.10:9200", "[2001:db8::10]:9200"]),
        mirror_to=parse_nodes(["shadow-haproxy.example:81", "[2001:db8::81]:81"]),
        mirror_key=KEY,
    ),
    "primary_without_mirror": ProxySettings(role="primary", nodes=parse_nodes(["es-1.example:9200"])),
    "shadow": ProxySettings(
        role="shadow",
        nodes=parse_nodes(["es-3.example:9202", "es-4.example:9203"]),
        port=81,
        mirror_key=KEY,
    ),
    "shadow_that_believes_nobody": ProxySettings(role="shadow", nodes=parse_nodes(["es-3.example:9202"])),
    "primary_with_spoa_mirror": ProxySettings(
        role="primary",
        nodes=parse_nodes(["es-1.example:9200"]),
        mirror_to=parse_nodes(["shadow-haproxy.example:81"]),
        mirror_agent="spoa-mirror",
    ),
    "primary_tuned": ProxySettings(
        role="primary",
        nodes=parse_nodes(["es-1.example:9200"]),
        mirror_to=parse_nodes(["shadow-haproxy.example:81"]),
        port=8080,
        bufsize=131072,
        threads=2,
        ring_bytes=8 * 1024 * 1024,
        processing_timeout_ms=20,
        connect_timeout_s=2,
        client_timeout_s=60,
        server_timeout_s=600,
        head_timeout_s=90,
        max_connections=100,
        drain_s=8,
        log_path="/data/capture.log",
        log_file_bytes=1024 * 1024,
        log_total_bytes=1024 * 1024 * 1024,
        redact_headers=(),
        capture_responses="whole",
        whole_answers=("/_search",),
        pending_bytes=2 * 1024 * 1024,
        order="strict",
        mirror_connections=8,
        mirror_queue_bytes=3 * 1024 * 1024,
        mirror_deadline_s=1.5,
        capture_queue_bytes=4 * 1024 * 1024,
        tee_memory_bytes=5 * 1024 * 1024,
        spool_bytes=6 * 1024 * 1024,
        spool_dir="/spool",
        body_bytes=1024 * 1024,
        prefix_bytes=4096,
        offload=("cloudwatch",),
        offload_region="eu-central-1",
        cloudwatch_log_group="elsewhere",
        cloudwatch_log_stream="proxy-{ip_address}",
        cloudwatch_retention_days=30,
        cloudwatch_endpoint="https://logs.example:8443",
        cloudwatch_line_bytes=1_000_000,
        cloudwatch_flush_s=2,
        cloudwatch_spool_bytes=64 * 1024 * 1024,
        s3_url="s3://captures/traffic",
        s3_endpoint="https://s3.example:9000",
        s3_host="proxy-1",
        s3_interval_s=600,
        s3_bytes_per_s=1024 * 1024,
        s3_keep_local_bytes=64 * 1024 * 1024,
        s3_storage_class="STANDARD_IA",
        s3_kms_key="alias/captures",
    ),
}


def main() -> None:
    """Write them all anew."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for variant, settings in VARIANTS.items():
        folder = GOLDEN / variant
        folder.mkdir(parents=True)
        for name, text in render_files(settings).items():
            (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()

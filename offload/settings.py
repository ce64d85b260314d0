"""The offloader's settings (`service.settings_file` reads them)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OffloadSettings:
    """See `haproxy_config.settings.ProxySettings` for what each means to an operator; ``*_bytes`` bytes, ``*_s`` seconds."""

    cluster: str
    sinks: tuple[str, ...]
    """Names in `offload.sinks.SINKS`."""
    log_path: str
    directory: str
    """What must survive a restart: positions, lists, files under way. `capture-start` makes it."""
    region: str
    """AWS region; empty: as boto3 finds it."""
    cloudwatch_log_group: str
    cloudwatch_log_stream: str
    cloudwatch_endpoint: str
    """Empty: the region's."""
    cloudwatch_line_bytes: int
    cloudwatch_spool_bytes: int
    s3_url: str
    s3_endpoint: str
    """Empty: the region's."""
    s3_host: str
    """Empty: the container's host name."""
    s3_bytes_per_s: int
    s3_storage_class: str
    s3_kms_key: str

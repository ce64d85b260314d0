"""The agent's settings (`service.settings_file` reads them)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AgentSettings:
    """See `haproxy_config.settings.ProxySettings` for what each means to an operator; ``*_bytes`` bytes, ``*_s`` seconds."""

    cluster: str
    message_bytes: int
    """What HAProxy's buffer holds of one message."""
    drain_s: float
    log_path: str
    log_file_bytes: int
    log_total_bytes: int
    log_interval_s: float
    """The log is rotated at multiples of it too; 0: never."""
    offload_dir: str
    """Where ledgers are, also those of an offload that is off; it need not be there."""
    offload_ledgers: tuple[str, ...]
    """Files that say up to which rotated file everything is elsewhere; none: rotated files are kept up to the bound."""
    keep_offloaded_bytes: int
    redact_headers: tuple[str, ...]
    unanswered_s: float
    """How long HAProxy's news of an end are waited for at most."""
    pending_bytes: int
    mirror_to: tuple[str, ...]
    """``host:port``, or ``[IPv6]:port``."""
    order: str
    """A name of `agent.order_mode`."""
    mirror_connections: int
    mirror_queue_bytes: int
    mirror_deadline_s: float
    capture_queue_bytes: int
    long_queue_bytes: int
    """What lines with long bodies may hold in the tee while they wait for the disk; beyond it they are written without these."""
    body_bytes: int
    prefix_bytes: int

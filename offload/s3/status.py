"""What the uploader says of itself (`capture-status`)."""

from dataclasses import asdict, dataclass


@dataclass
class Status:
    """Counts since the offloader's start; what fails, and since when, is in `offload.trouble`."""

    destination: str
    """``s3://BUCKET/PREFIX``."""
    waiting_files: int = 0
    """Rotated files that are not verified to be in the store."""
    waiting_bytes: int = 0
    waiting_since: str | None = None
    """When the oldest of these was written to last; None: none waits."""
    uploading: str | None = None
    """The file that is being sent now."""
    uploading_bytes: int = 0
    """Its size."""
    sent_bytes: int = 0
    """All that was sent, as often as it had to be."""
    uploaded_files: int = 0
    """Files that were verified to be in the store."""
    uploaded_bytes: int = 0
    last_upload: str | None = None
    """The name of the object that was verified last."""
    missing_files: int = 0
    """Files that were gone before they could be uploaded, by the gaps in their numbers."""

    def as_dict(self) -> dict[str, object]:
        """Name -> value."""
        return asdict(self)

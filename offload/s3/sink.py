"""The sink "s3": rotated files of the capture log, in a bucket."""

import threading
from pathlib import Path

from offload.credentials import CREDENTIALS
from offload.s3.uploader import Uploader, UploaderSettings
from offload.settings import OffloadSettings
from offload.trouble import Trouble


class S3:
    """Brings rotated files to S3, or to a store that speaks its language."""

    def __init__(self, settings: OffloadSettings, _runtime: Path) -> None:
        self._trouble = Trouble("s3")
        self._uploader = Uploader(
            UploaderSettings(
                url=settings.s3_url,
                region=settings.region,
                endpoint=settings.s3_endpoint,
                storage_class=settings.s3_storage_class,
                kms_key=settings.s3_kms_key,
                bytes_per_s=settings.s3_bytes_per_s,
                host=settings.s3_host,
                cluster=settings.cluster,
                log=Path(settings.log_path),
                ledger=Path(settings.directory) / "s3.json",
                credentials=CREDENTIALS,
            ),
            self._trouble,
        )

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        self._uploader.run(stop)

    def status(self) -> dict[str, object]:
        """For ``capture-status``."""
        return {**self._uploader.told(), **self._trouble.as_dict()}

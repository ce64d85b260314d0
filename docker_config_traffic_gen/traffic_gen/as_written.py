"""Test mode of OpenSearch Benchmark, without what it leaves out.

Between two tasks it waits some 6 s, and one in test mode: with some twenty tasks in each workload that is minutes. But test
mode also does everything once only, at any rate, on a thousand documents. This is registered as a workload processor, which
comes after that and puts back what the workload's own ``meta`` says.
"""

from typing import Any

# What test mode inserts into the name of a file of documents.
_SHORTENED = "-1k.json"


class AsWritten:
    """A workload processor, in OpenSearch Benchmark's terms."""

    def on_after_load_workload(self, workload: Any, **_: Any) -> Any:
        """Put it back."""
        for documents in (each for corpus in workload.corpora for each in corpus.documents):
            documents.number_of_documents = documents.meta_data["documents"]
            documents.document_file = documents.document_file.replace(_SHORTENED, ".json")
        for procedure in workload.test_procedures:
            for task in (leaf for entry in procedure.schedule for leaf in entry):
                if "iterations" in task.meta_data:
                    task.iterations = task.meta_data["iterations"]
                if task.meta_data.get("target-throughput"):
                    task.params["target-throughput"] = task.meta_data["target-throughput"]
        return workload

    def on_prepare_workload(self, _workload: Any, _data_root_dir: str) -> list[Any]:
        """Nothing to download: the documents are there."""
        return []


def register(registry: Any) -> None:
    """For each built-in workload's ``register``."""
    registry.register_workload_processor(AsWritten())

"""The capture record: what the agent writes and the analysis reads. Pure: no sockets, no files."""

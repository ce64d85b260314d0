"""``python -m benchmarks.bulk_load``: a load of two real clusters through ours, beside the same through HAProxy alone."""

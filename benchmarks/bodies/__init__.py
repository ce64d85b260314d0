"""``python -m benchmarks.bodies``: what large bodies cost, beside HAProxy alone and two hops of it, in one run."""

"""``python -m benchmarks``: what capture and mirror cost, beside HAProxy alone and Envoy's mirror, on the same machine in one run."""

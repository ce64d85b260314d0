"""``python -m benchmarks.order``: whether the shadow gets the primary's load, at the primary's times and as many requests at once."""

"""Documents of the built-in workloads, made from a seed: of the shape and size of those that the official ones are about."""

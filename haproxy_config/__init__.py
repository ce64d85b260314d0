"""The proxy's settings and the files rendered from them, on the host at build time and in the container at start."""

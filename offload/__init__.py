"""Takes the capture off the host: a process beside the proxy, never on the path of traffic."""

"""SPOP 2.0, the agent's side of it, without I/O (HAProxy, SPOE.txt, section 3)."""

"""The tee: passes bytes between two Unix sockets and keeps a copy of them for the agent. It knows no HTTP, and imports nothing of the agent."""

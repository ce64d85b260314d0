"""The agent beside HAProxy: joins its events into transactions, captures and mirrors them. Never imports the host side."""

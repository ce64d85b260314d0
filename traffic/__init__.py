"""Traffic to test with: realistic requests at a fixed rate. ``generate_traffic.py`` is a command over `traffic.run`."""

"""The demo: two real clusters with the mirror between them. ``demo_haproxy.py`` is a command over `capture.demo.run`."""

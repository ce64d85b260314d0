"""The host side: settings, the Docker wrapper, images. Never runs in the containers."""

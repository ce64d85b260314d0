"""What the container's processes have in common: how they read their settings, and say that they are ready."""

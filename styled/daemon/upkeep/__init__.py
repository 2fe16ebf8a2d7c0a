"""What the daemon does beside painting: disk space, retention, trash, gallery."""

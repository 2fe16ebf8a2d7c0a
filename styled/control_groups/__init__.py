"""What control groups (containers, systemd units, batch systems) leave this process of the machine."""

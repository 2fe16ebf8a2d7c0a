"""The daemon as a process: lock, log files, signals, service manager."""

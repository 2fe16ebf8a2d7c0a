"""The daemon's socket: protocol, server, and what each request does."""

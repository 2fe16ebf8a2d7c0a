"""Commands about finished pictures."""

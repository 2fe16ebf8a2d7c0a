"""Where jobs run: the seam between the queue and whatever paints, and this machine."""

"""How good a result is, in figures that need no network but VGG19. NumPy only, but for ``scoring``."""

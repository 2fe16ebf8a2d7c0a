"""What is minimised: content, style and smoothness of a picture, whole or in tiles, and the gradient."""

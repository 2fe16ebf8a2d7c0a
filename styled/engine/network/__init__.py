"""VGG19 on this machine's device: features, number formats, convolutions, compiled arithmetic."""

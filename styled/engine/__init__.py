"""The optimisation: weights, features, losses, optimisers, scales. Pure: no files but the weights."""

"""Jobs painted by Ray Core: an actor for each attempt, and no shared disk."""

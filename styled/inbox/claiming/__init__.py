"""Moving a pair's files into its job so that a crash at any step loses nothing."""

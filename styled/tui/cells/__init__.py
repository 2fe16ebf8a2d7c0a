"""Characters, colours and pictures as a terminal has them."""

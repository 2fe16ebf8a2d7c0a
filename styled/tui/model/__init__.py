"""What is handed to the screens: plain values."""

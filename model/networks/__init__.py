"""The networks: DSPnet's (Eq. 2, 3 and 5), and what those of all methods share."""

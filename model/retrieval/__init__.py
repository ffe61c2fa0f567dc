"""Finding the best items of a catalogue, exactly or by an approximate index."""

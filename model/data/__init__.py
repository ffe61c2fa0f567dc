"""What a model reads: batches of padded sequences, prefixes, augmented copies and vocabularies."""

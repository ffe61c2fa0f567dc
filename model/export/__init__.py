"""The SavedModel: raw ids in, raw ids out."""

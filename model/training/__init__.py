"""Training: the step that all methods share, its optimizer, and callbacks that survive a kill."""

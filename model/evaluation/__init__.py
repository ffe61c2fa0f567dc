"""Measures rankers on sequences they have not seen, and compares them: what is measured, how, and how surely."""

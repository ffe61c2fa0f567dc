"""The contracts between the parts: event columns, sequence features, catalogue layout."""

"""Charts as inline SVG; colours are classes of the page's style, so they follow its light and dark."""

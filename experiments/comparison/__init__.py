"""`dspnet compare`: finished runs side by side, as a table and as a page."""

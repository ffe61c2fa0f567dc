"""What every output shares: tables, charts, numbers, titles, pages and the console."""

"""Remembers. Knows bytes, keys and times, not OAuth."""

"""Says no. Pure functions and small records."""

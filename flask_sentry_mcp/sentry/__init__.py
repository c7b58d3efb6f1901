"""Asks: one request to Sentry's API at a time, and small functions by noun."""

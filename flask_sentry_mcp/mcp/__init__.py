"""The protocol. Knows nothing of Sentry."""

"""Sentry's OAuth 2: pages for the browser, endpoints for programs. On the control host only."""

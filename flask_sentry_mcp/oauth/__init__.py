"""Who are you: an authorization server for MCP clients, with Sentry as the upstream sign-in."""

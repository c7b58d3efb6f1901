"""The tour: a server as its own process, driven by the official MCP client from sign-in to revocation."""

"""Sign in with Sentry, and reach its tools and your own over the Model Context Protocol, from a Flask application."""

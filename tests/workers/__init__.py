"""The whole application under several gunicorn workers, on each store."""

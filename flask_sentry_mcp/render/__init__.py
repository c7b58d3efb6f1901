"""Words. Dicts in, Markdown out, no input or output of its own."""

"""Search over events (Explore): rows of each dataset, functions over them, and the checks that Sentry makes."""

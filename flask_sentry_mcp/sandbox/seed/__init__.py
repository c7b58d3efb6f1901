"""Fills a world. Ids, texts and counts follow from the seed; times are counted back from the start."""

import random

from ..world import World
from . import issues, landmarks, places, releases, runs, telemetry, traces


def plant(seed: int, epoch: float) -> World:
    """A new world, as of *epoch*."""
    world = World(epoch)
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is secret
    places.fill(world)
    issues.fill(world, chance)
    landmarks.fill(world, chance)
    traces.fill(world, chance)
    releases.fill(world)
    telemetry.fill(world, chance)
    telemetry.fill_replays(world, chance)
    runs.fill(world)
    return world

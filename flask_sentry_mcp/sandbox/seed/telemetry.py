"""Logs, metrics and profiles: rows as the search over events sees them, one dict of attributes each."""

import random

from ..records import Json, Project
from ..world import World
from .issues import HOUR, hex_id, version
from .landmarks import BIG_TRACE
from .places import DAY
from .web_landmarks import HOSTILE

SEVERITIES = (("info", 9), ("info", 9), ("debug", 5), ("warn", 13), ("error", 17))
SENTENCES = (
    "cart {n} priced in {ms} ms",
    "voucher SPRING rejected for cart {n}",
    "retrying gateway capture, attempt {n}",
    "worker {n} took the job",
    "rates refreshed in {ms} ms",
)
METRICS = (
    ("checkout.total", "distribution", "euro"),
    ("queue.depth", "gauge", None),
    ("orders.placed", "counter", None),
    ("gateway.latency", "distribution", "millisecond"),
)


def fill(world: World, chance: random.Random) -> None:
    for project in world.projects:
        if project.has_logs:
            world.logs += [_log(world, chance, project, number) for number in range(40)]
            world.metrics += [_metric(world, chance, project, number) for number in range(40)]
        if project.has_profiles:
            world.profiles += [_profile(world, chance, project, number) for number in range(12)]
    checkout = next(project for project in world.projects if project.slug == "checkout-api")
    world.logs += [_log(world, chance, checkout, number) | {"trace": BIG_TRACE} for number in range(4)]
    world.logs.append(_log(world, chance, checkout, 3) | {"message": HOSTILE})


def _common(world: World, chance: random.Random, project: Project, number: int) -> Json:
    return {
        "id": hex_id(chance),
        "project": project.slug,
        "project.name": project.slug,
        "project.id": int(project.id),
        "organization": project.organization,
        "timestamp": world.epoch - number * 1.7 * HOUR - 60,
        "environment": project.environments[number % len(project.environments)],
        "release": version(project, 33 - number // 10),
        "platform": project.language,
        "trace": hex_id(chance),
        "span_id": hex_id(chance, 16),
        "sdk.name": f"sentry.{project.language}",
        "sdk.version": "2.30.0",
    }


def _log(world: World, chance: random.Random, project: Project, number: int) -> Json:
    severity, severity_number = SEVERITIES[number % len(SEVERITIES)]
    milliseconds = chance.randint(3, 900)
    return _common(world, chance, project, number) | {
        "message": SENTENCES[number % len(SENTENCES)].format(n=number, ms=milliseconds),
        "severity": severity,
        "severity_number": severity_number,
        "sentry.item_id": hex_id(chance),
        "cart.size": number % 9,
        "logger.name": "checkout",
    }


def _metric(world: World, chance: random.Random, project: Project, number: int) -> Json:
    name, kind, unit = METRICS[number % len(METRICS)]
    return _common(world, chance, project, number) | {
        "metric.name": name,
        "metric.type": kind,
        "metric.unit": unit,
        "value": round(chance.uniform(1, 400), 2),
    }


def _profile(world: World, chance: random.Random, project: Project, number: int) -> Json:
    row = _common(world, chance, project, number)
    length_ns = chance.randint(20, 900) * 1_000_000
    return row | {
        "profile.id": hex_id(chance),
        "profiler.id": None,
        "thread.id": "1",
        "transaction": ("POST /pay", "GET /orders")[number % 2],
        "transaction.duration": length_ns,
        "profile.duration": length_ns,
        "precise.start_ts": row["timestamp"],
        "precise.finish_ts": row["timestamp"] + length_ns / 1e9,
    }


def fill_replays(world: World, chance: random.Random) -> None:
    """A dozen sessions per project that records them; the landmark first, the last one archived."""
    for project in world.projects:
        if not project.has_replays:
            continue
        for number in range(12):
            replay = _replay(world, chance, project, number)
            if number == 0 and project.slug == "shop-web":
                replay |= {"id": world.landmarks["replay"], "error_ids": [_replayed_event(world)]}
                replay["trace_ids"] = [BIG_TRACE]
            if number == 11:
                replay |= {"is_archived": True, "urls": None, "user": None, "tags": []}
                world.landmarks.setdefault("archived_replay", replay["id"])
            world.replays.append(replay)


def _replayed_event(world: World) -> str:
    organization = world.organizations["northwind"]
    issue = world.issue(organization, world.landmarks["with_replay"])
    return issue.events[0].id if issue is not None else ""


def _replay(world: World, chance: random.Random, project: Project, number: int) -> Json:
    started_at = world.epoch - number * 0.6 * DAY - HOUR
    seconds = chance.randint(20, 900)
    email = f"guest{number}@shop.example"
    return {
        "id": hex_id(chance),
        "organization": project.organization,
        "project_id": project.id,
        "started_at": started_at,
        "finished_at": started_at + seconds,
        "duration": seconds,
        "environment": project.environments[number % 2],
        "releases": [version(project, 33)],
        "urls": ["https://shop.example/cart", "https://shop.example/pay"],
        "platform": project.language,
        "dist": None,
        "user": {
            "id": f"u-{number}",
            "email": email,
            "username": None,
            "ip": "203.0.113.9",
            "display_name": email,
            "geo": {},
        },
        "browser": {"name": "Firefox" if number % 2 else "Chrome", "version": "141"},
        "os": {"name": "Linux", "version": None},
        "sdk": {"name": "sentry.javascript.react", "version": "10.1.0"},
        "device": {"name": None, "brand": None, "model": None, "family": None},
        "activity": number % 10,
        "count_errors": number % 3,
        "count_rage_clicks": number % 2,
        "count_dead_clicks": number % 4,
        "count_infos": 0,
        "count_warnings": 0,
        "count_segments": 12,
        "count_urls": 2,
        "replay_type": "session",
        "error_ids": [],
        "trace_ids": [],
        "is_archived": None,
        "has_viewed": False,
        "tags": {"plan": ["pro"]} if number % 2 else [],
    }

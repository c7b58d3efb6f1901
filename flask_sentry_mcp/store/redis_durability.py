"""What Redis' own settings promise: how much is lost when it or its machine ends, and whether it throws keys away."""

from collections.abc import Iterator, Mapping

from .base import Remark

SETTINGS = ("appendonly", "appendfsync", "no-appendfsync-on-rewrite", "save", "maxmemory-policy")


def remarks_on(settings: Mapping[str, str]) -> Iterator[Remark]:
    """What is to be said of *settings*, which has all of ``SETTINGS``; nothing when all that is acknowledged is kept.

    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
    """
    if settings["appendonly"] == "yes":
        yield from _of_the_log(settings["appendfsync"], settings["no-appendfsync-on-rewrite"])
    elif settings["save"]:
        yield Remark(
            "Redis keeps snapshots alone: a crash undoes all since the last one, revocations too.",
            "Set appendonly yes, and appendfsync always where no revocation may be undone.",
        )
    else:
        yield Remark("Redis keeps nothing on the disk: every sign-in ends when it restarts.", "Set appendonly yes.")
    if settings["maxmemory-policy"].startswith("allkeys-"):
        yield Remark(
            "Redis throws sign-ins away when its memory runs short.",
            "Set maxmemory-policy noeviction.",
        )


def _of_the_log(appendfsync: str, no_appendfsync_on_rewrite: str) -> Iterator[Remark]:
    advice = "Set appendfsync always where no revocation may be undone."
    if appendfsync == "everysec":
        yield Remark("Redis may lose a second or two when its machine ends, revocations too.", advice)
    elif appendfsync == "no":
        yield Remark("Redis may lose half a minute when its machine ends, revocations too.", advice)
    if no_appendfsync_on_rewrite == "yes":
        yield Remark(
            "Redis does not sync while it writes its log anew: it may lose half a minute when its machine ends then.",
            "Set no-appendfsync-on-rewrite no.",
        )

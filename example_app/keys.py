"""The secrets of a demonstration: made once, kept where only their owner can read them.

They outlive a restart, so that a restart signs nobody out. A real deployment gets its own from its operator.
"""

import base64
import json
import os
import secrets
from pathlib import Path


def kept_in(folder: Path) -> dict[str, str]:
    """``{"COOKIE_SECRET": ..., "SENTRY_MCP_VAULT_KEYS": ...}`` from *folder*, made at the first call."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "secrets.json"
    made = {
        "COOKIE_SECRET": secrets.token_urlsafe(32),
        "SENTRY_MCP_VAULT_KEYS": "demo:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return kept
    with os.fdopen(descriptor, "w", encoding="utf-8") as new:
        json.dump(made, new)
    return made

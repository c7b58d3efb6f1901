"""A small Sentry of our own, for the demo and for tests: sign-in pages and REST API over invented data.

``with Sandbox(redirect_uris=[...]) as sandbox:`` runs one; ``python -m flask_sentry_mcp.sandbox`` runs it alone.
"""

from .credentials import SandboxToken
from .faults import Fault, Faults
from .records import User
from .requestlog import RequestLog, RequestRecord
from .sandbox import Sandbox

__all__ = ["Fault", "Faults", "RequestLog", "RequestRecord", "Sandbox", "SandboxToken", "User"]

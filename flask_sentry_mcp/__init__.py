"""Sign in with Sentry, and reach its tools and your own over the Model Context Protocol, from a Flask application."""

from .context import Constraint, Context
from .errors import ConfigurationError, InvalidInput, SentryMCPError
from .extension import SentryMCP, State, state_of
from .mcp.content import Audio, EmbeddedResource, Image, ResourceLink, Result, Text
from .mcp.tool import Toolbox
from .skills import SKILLS, Skill
from .tools import catalogue

__all__ = [
    "SKILLS",
    "Audio",
    "ConfigurationError",
    "Constraint",
    "Context",
    "EmbeddedResource",
    "Image",
    "InvalidInput",
    "ResourceLink",
    "Result",
    "SentryMCP",
    "SentryMCPError",
    "Skill",
    "State",
    "Text",
    "Toolbox",
    "catalogue",
    "state_of",
]

"""Sign in with Sentry, and reach its tools and your own over the Model Context Protocol, from a Flask application."""

from .config import settings_from
from .context import Constraint, Context, Elicited
from .errors import ConfigurationError, InvalidInput, ProtocolError, SentryMCPError, ToolFailed
from .extension import SentryMCP, State, state_of
from .mcp.content import Audio, EmbeddedResource, Image, ResourceLink, Result, Text
from .mcp.prompt import Message
from .mcp.questions import Elicit, ElicitURL, Roots, Sample
from .mcp.raw import RawSchema
from .mcp.resource import Contents
from .mcp.tool import Toolbox
from .skills import SKILLS, Skill
from .tools import catalogue

__all__ = [
    "SKILLS",
    "Audio",
    "ConfigurationError",
    "Constraint",
    "Contents",
    "Context",
    "Elicit",
    "ElicitURL",
    "Elicited",
    "EmbeddedResource",
    "Image",
    "InvalidInput",
    "Message",
    "ProtocolError",
    "RawSchema",
    "ResourceLink",
    "Result",
    "Roots",
    "Sample",
    "SentryMCP",
    "SentryMCPError",
    "Skill",
    "State",
    "Text",
    "ToolFailed",
    "Toolbox",
    "catalogue",
    "settings_from",
    "state_of",
]

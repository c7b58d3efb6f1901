"""Which schemes of a redirect may be a program's own (REDIR-1): never one that a browser or the system understands."""

_NEVER = frozenset(
    [
        "javascript",
        "data",
        "vbscript",
        "file",
        "mailto",
        "blob",
        "about",
        "filesystem",
        "view-source",
        "ftp",
        "ws",
        "wss",
        "intent",
        "content",
        "jar",
        "chrome",
        "chrome-extension",
        "moz-extension",
        "resource",
        "tel",
        "sms",
        "http",
        "https",
    ]
)


def may_be_private(scheme: str) -> bool:
    """Whether *scheme*, in lower case, may belong to one program.

    >>> may_be_private("cursor"), may_be_private("javascript")
    (True, False)
    """
    return scheme not in _NEVER and not scheme.startswith("ms-")

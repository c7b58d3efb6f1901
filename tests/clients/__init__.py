"""Clients that people use, from npm, against a server of ours: ``make clients``.

Kept out of ``make test``, for they need Node and packages that only ``make clients`` installs.
"""

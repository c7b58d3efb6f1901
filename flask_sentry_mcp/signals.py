"""What happened, for those who keep watch. Payloads carry no token, secret, e-mail or query string (LOG-1, LOG-2).

The sender is the Flask application. A receiver that fails is logged, and neither keeps the others from hearing nor what
happened from going on. The ``client_id`` of a client whose id is an address is that address's host and a hash, as in
``app.example#3f2a91c0``. Keyword arguments by signal:

================== ======================================================================================
``tool_called``      ``tool``, ``grant_id``, ``client_id``, ``user_id``, ``outcome`` (``ok`` or an error
                     code), ``duration_ms``
``approval``         ``decision`` (``shown``, ``skipped``, ``given``, ``denied``), ``client_id``, ``skills``
``grant_started``    ``grant_id``, ``client_id``, ``user_id``, ``resource``, ``skills``
``grant_ended``      ``grant_id``, ``client_id``, ``user_id``, ``reason`` (``expired_idle``,
                     ``expired_absolute``, ``reuse``, ``code_replay``, ``client_revoked``, ``person``,
                     ``upstream_invalid``, ``too_many``, ``admin``)
``suspicious``       ``event`` (``binding_failure``, ``state_replay``, ``code_replay``, ``refresh_reuse``,
                     ``foreign_revocation``, ``document_refused``, ``integrity_failure``,
                     ``vault_key_unknown``, ``registration_quota``), ``client_id``, ``grant_id``, ``reason``
                     (each of the last three may be ``""``).
                     The reason of ``document_refused``: ``switched off``, ``id``, ``domain``, ``dns``,
                     ``address``, ``connection``, ``timeout``, ``status`` and its number, ``media type``,
                     ``content encoding``, ``size``, ``client_id``, ``client_name or secret``,
                     ``authentication``, ``metadata``, or the name of a fault; of ``registration_quota``:
                     ``never used``
================== ======================================================================================
"""

import logging
from typing import Any

from blinker import NamedSignal, Namespace

log = logging.getLogger(__name__)
_signals = Namespace()

tool_called = _signals.signal("tool-called")
approval = _signals.signal("approval")
grant_started = _signals.signal("grant-started")
grant_ended = _signals.signal("grant-ended")
suspicious = _signals.signal("suspicious")

ALL = (tool_called, approval, grant_started, grant_ended, suspicious)


def tell(signal: NamedSignal, app: object, **payload: Any) -> None:
    """Send *signal* of *app*."""
    for receiver in signal.receivers_for(app):
        try:
            receiver(app, **payload)
        except Exception:  # whoever watches must not fail what they watch
            log.exception("A receiver of %s failed", signal.name.replace("-", "_"))

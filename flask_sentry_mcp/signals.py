"""What happened, for those who keep watch. Payloads carry no token, secret, e-mail or query string (LOG-1, LOG-2).

The sender is the Flask application. Keyword arguments by signal:

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
                     ``vault_key_unknown``, ``registration_quota``), ``client_id``, ``grant_id`` (either may be ``""``)
================== ======================================================================================
"""

from blinker import Namespace

_signals = Namespace()

tool_called = _signals.signal("tool-called")
approval = _signals.signal("approval")
grant_started = _signals.signal("grant-started")
grant_ended = _signals.signal("grant-ended")
suspicious = _signals.signal("suspicious")

ALL = (tool_called, approval, grant_started, grant_ended, suspicious)

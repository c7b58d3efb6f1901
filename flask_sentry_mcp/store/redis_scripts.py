"""What Redis does in one step: Lua scripts, each of them atomic.

All keys share the tag ``{sentry_mcp}``: whatever spreads keys over several servers keeps them in one place, and a
script may touch them all. A record is a hash ``v`` (version), ``e`` (its end), ``o`` (owner), ``b`` (value), and stands
in three sorted sets: the ids of its kind, their ends, and the ids of its owner.
"""

import hashlib
from dataclasses import dataclass

PREFIX = "{sentry_mcp}:"


@dataclass(frozen=True, slots=True)
class Script:
    """Lua, and the digest by which Redis knows it once it has seen it."""

    text: str
    digest: str


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


# Counts up, and jumps to the microseconds of today first: a Redis that lost its data never counts the same twice.
_ADVANCE = """
local function advance(key)
  local count = redis.call('INCR', key)
  local time = redis.call('TIME')
  local floor = time[1] * 1000000 + time[2]
  if count < floor then
    count = floor
    redis.call('SET', key, string.format('%.0f', floor))
  end
  return string.format('%.0f', count)
end
"""

# KEYS: record, ids, ends, changes, kinds. ARGV: now, kind, id, prefix of owners, expected (any, none or a version),
# value, end, owner. Returns 1 if written.
WRITE = _script(
    _ADVANCE
    + """
local old = redis.call('HMGET', KEYS[1], 'v', 'e', 'o')
local version = 0
if old[2] and tonumber(old[2]) > tonumber(ARGV[1]) then version = tonumber(old[1]) end
local expected = ARGV[5]
if expected == 'none' then
  if version > 0 then return 0 end
elseif expected ~= 'any' then
  if version == 0 or version ~= tonumber(expected) then return 0 end
end
local owner = ARGV[8]
if old[3] and old[3] ~= '' and old[3] ~= owner then redis.call('ZREM', ARGV[4] .. old[3], ARGV[3]) end
redis.call('HSET', KEYS[1], 'v', version + 1, 'e', ARGV[7], 'o', owner, 'b', ARGV[6])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
redis.call('ZADD', KEYS[3], ARGV[7], ARGV[3])
if owner ~= '' then redis.call('ZADD', ARGV[4] .. owner, 0, ARGV[3]) end
redis.call('SADD', KEYS[5], ARGV[2])
advance(KEYS[4])
return 1
"""
)

# KEYS: record, ids, ends, changes. ARGV: now, id, prefix of owners. Returns value, version and end; nil if not alive.
TAKE = _script(
    _ADVANCE
    + """
local old = redis.call('HMGET', KEYS[1], 'b', 'v', 'e', 'o')
if not old[3] or tonumber(old[3]) <= tonumber(ARGV[1]) then return nil end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZREM', KEYS[3], ARGV[2])
if old[4] ~= '' then redis.call('ZREM', ARGV[3] .. old[4], ARGV[2]) end
advance(KEYS[4])
return {old[1], old[2], old[3]}
"""
)

# KEYS: kinds. ARGV: now, limit, the prefixes of records, ids, ends and owners. Returns how many were removed.
PURGE = _script("""
local removed = 0
for _, kind in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local left = tonumber(ARGV[2]) - removed
  if left <= 0 then break end
  local over = redis.call('ZRANGEBYSCORE', ARGV[5] .. kind, '-inf', ARGV[1], 'LIMIT', 0, left)
  for _, id in ipairs(over) do
    local record = ARGV[3] .. kind .. ':' .. id
    local owner = redis.call('HGET', record, 'o')
    redis.call('DEL', record)
    redis.call('ZREM', ARGV[4] .. kind, id)
    redis.call('ZREM', ARGV[5] .. kind, id)
    if owner and owner ~= '' then redis.call('ZREM', ARGV[6] .. kind .. ':' .. owner, id) end
  end
  removed = removed + #over
end
return removed
""")

# KEYS: channel, sequence. ARGV: now, end, body, milliseconds to live. The channel lives as long as its last message.
PUBLISH = _script(
    _ADVANCE
    + """
local old = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 50)
for _, entry in ipairs(old) do
  if tonumber(entry[2][2]) > tonumber(ARGV[1]) then break end
  redis.call('XDEL', KEYS[1], entry[1])
end
redis.call('XADD', KEYS[1], advance(KEYS[2]) .. '-0', 'e', ARGV[2], 'b', ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
"""
)

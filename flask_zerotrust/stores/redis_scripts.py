"""Lua scripts, which Redis runs in one step.

A row is a string, so that it takes the least memory: ``=LENGTH:OWNER`` and the value, ``=:`` and the
value where nobody owns it, or the bare digits of a counter. Beside every owner's name stands a sorted set
of the keys about them, by when these expire in ms since the epoch, which is swept with every write to it.

Every script has the row's or the log's key first in KEYS, and the prefix of owners' sets first in ARGV.
"""

from __future__ import annotations

_COMMON = """
local function owner_of(raw)
  if not raw then return nil end
  local digits, at = string.match(raw, '^=(%d+):()')
  if not digits then return nil end
  return string.sub(raw, at, at + tonumber(digits) - 1)
end
local function value_of(raw)
  local digits, at = string.match(raw, '^=(%d*):()')
  if not digits then return nil end
  return string.sub(raw, at + (tonumber(digits) or 0))
end
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function disowned(raw, name)
  local owner = owner_of(raw)
  if owner then redis.call('ZREM', ARGV[1] .. owner, name) end
end
local function write(old, name, value, ttl_ms, owner)
  local head = owner and ('=' .. #owner .. ':' .. owner) or '=:'
  redis.call('SET', KEYS[1], head .. value, 'PX', ttl_ms)
  if owner_of(old) ~= owner then disowned(old, name) end
  if not owner then return end
  local set, now = ARGV[1] .. owner, now_ms()
  redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
  redis.call('ZADD', set, now + ttl_ms, name)
  local last = redis.call('ZREVRANGE', set, 0, 0, 'WITHSCORES')
  redis.call('PEXPIREAT', set, last[2])
end
"""

# ARGV: sets, name, value, ttl_ms[, owner]
PUT = _COMMON + "write(redis.call('GET', KEYS[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5])"

# ARGV: sets, name, value, ttl_ms, "new" or "old", old value[, owner]
SWAP = (
    _COMMON
    + """
local raw = redis.call('GET', KEYS[1])
if ARGV[5] == 'new' then
  if raw then return 0 end
elseif not raw or value_of(raw) ~= ARGV[6] then
  return 0
end
write(raw, ARGV[2], ARGV[3], ARGV[4], ARGV[7])
return 1
"""
)

# ARGV: sets, name
DELETE = (
    _COMMON
    + """
local raw = redis.call('GET', KEYS[1])
if not raw then return end
disowned(raw, ARGV[2])
redis.call('DEL', KEYS[1])
"""
)

# ARGV: sets, ttl_ms. 0 where the key holds a value
INCREMENT = """
local raw = redis.call('GET', KEYS[1])
if raw and string.sub(raw, 1, 1) == '=' then return 0 end
local sum = redis.call('INCR', KEYS[1])
if sum == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return sum
"""

# KEYS: the owner's set. ARGV: sets, prefix of rows, owner, "delete" or ""
# The head of each row is looked at, because a row that was evicted leaves its name behind.
OWNED = (
    _COMMON
    + """
local head, found = '=' .. #ARGV[3] .. ':' .. ARGV[3], {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now_ms(), '+inf')) do
  local row = ARGV[2] .. name
  if redis.call('GETRANGE', row, 0, #head - 1) == head then
    found[#found + 1] = name
    if ARGV[4] == 'delete' then redis.call('DEL', row) end
  end
end
if ARGV[4] == 'delete' then redis.call('DEL', KEYS[1]) end
return found
"""
)

# KEYS: the log. ARGV: sets, entry, keep, ttl_ms
# Entries that have expired at the old end go too, a few more than can come by one append.
APPEND = (
    _COMMON
    + """
local now, ttl_ms = now_ms(), tonumber(ARGV[4])
redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', 'e', ARGV[2], 'x', string.format('%.0f', now + ttl_ms))
if ttl_ms > redis.call('PTTL', KEYS[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
for _ = 1, 8 do
  local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
  if not first or tonumber(first[2][4]) > now then break end
  redis.call('XDEL', KEYS[1], first[1])
end
"""
)

-- Takes one call out of an exact sliding window, on Redis's clock.
-- KEYS: calls (the newest first, in microseconds), gate, and, if the caller is known, its own calls.
-- ARGV: limit, window in microseconds, and the caller's part of the limit.
-- Returns {0, ''}: taken; otherwise the microseconds until asking again can succeed, and why the gate is closed ('': it is
-- open, and the window is full; 'client_quota_exhausted': the caller's own is).
local closed = redis.call('PTTL', KEYS[2])
if closed > 0 then
  return {closed * 1000, redis.call('GET', KEYS[2]) or ''}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[2])
-- The call that must have left the window before one more fits in.
local blocking = redis.call('LINDEX', KEYS[1], ARGV[1] - 1)
if blocking and blocking + window > now then
  return {blocking + window - now, ''}
end
if KEYS[3] then
  local own = redis.call('LINDEX', KEYS[3], ARGV[3] - 1)
  if own and own + window > now then
    return {own + window - now, 'client_quota_exhausted'}
  end
  redis.call('LPUSH', KEYS[3], string.format('%.0f', now))
  redis.call('LTRIM', KEYS[3], 0, ARGV[3] - 1)
  redis.call('PEXPIRE', KEYS[3], math.ceil(window / 1000))
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, ARGV[1] - 1)
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return {0, ''}

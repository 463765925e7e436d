-- KEYS: calls, gate. ARGV: window in microseconds.
-- Returns calls in the window, microseconds until the oldest of them leaves it (0: none), until the gate opens (0: open).
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[1])
local used, leaves_in = 0, 0
for _, call in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  if call + window <= now then
    break
  end
  used = used + 1
  leaves_in = call + window - now
end
return {used, leaves_in, math.max(redis.call('PTTL', KEYS[2]), 0) * 1000}

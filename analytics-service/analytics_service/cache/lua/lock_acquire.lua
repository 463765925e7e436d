-- Takes the lock when it is free, or again when it is already ours (an answer that was lost on its way).
-- KEYS: lock, fence. ARGV: token, lease in ms, life of the fence in ms.
-- Returns the fencing number, which grows each time the lock is taken; 0: somebody else holds it.
local holder = redis.call('GET', KEYS[1])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if holder == ARGV[1] then
  return last
end
if holder then
  return 0
end
-- The microseconds of Redis's clock, not a count: they go on growing when Redis was restarted empty.
local time = redis.call('TIME')
local number = math.max(time[1] * 1000000 + time[2], last + 1)
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], string.format('%.0f', number), 'PX', ARGV[3])
return number

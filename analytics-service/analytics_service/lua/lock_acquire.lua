-- Takes the lock when it is free, or again when it is already ours (an answer that was lost on its way).
-- KEYS: lock, fence. ARGV: token, lease in ms, life of the fence in ms.
-- Returns the fencing number, which grows each time the lock is taken; 0: somebody else holds it.
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then
  return tonumber(redis.call('GET', KEYS[2]) or '0')
end
if holder then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local number = redis.call('INCR', KEYS[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return number

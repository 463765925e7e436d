-- Makes the lease last longer, while it is ours or nobody's (Redis was restarted empty, or our lease ran out unnoticed).
-- KEYS: lock. ARGV: token, lease in ms. Returns 1; 0: somebody else holds it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1

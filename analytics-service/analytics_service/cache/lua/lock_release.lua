-- Frees the lock if it is ours, and tells those who wait for it.
-- KEYS: lock. ARGV: token, channel. Returns 1; 0: it was not ours.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'free')
return 1

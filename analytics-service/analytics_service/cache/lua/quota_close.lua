-- Closes the gate for a while; never opens one earlier that is closed for longer.
-- KEYS: gate. ARGV: milliseconds, the reason to tell whoever is refused meanwhile.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[1])
end
return 1

-- Closes the gate for a while; never opens one earlier that is closed for longer.
-- KEYS: gate. ARGV: milliseconds.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], 'closed', 'PX', ARGV[1])
end
return 1

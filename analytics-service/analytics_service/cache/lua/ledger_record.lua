-- Adds one call to the sums of a day.
-- KEYS: day. ARGV: seconds that the day is kept, then field, amount, field, amount …
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1

-- Notes down what was just stored and how large it is, and says what must make way for it: the oldest first.
-- KEYS: names by time, sizes by name, sum of the sizes. ARGV: room in bytes, then name, size, name, size …
-- Returns the names that are to be removed; they are forgotten here.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local sum = tonumber(redis.call('GET', KEYS[3]) or '0')
for i = 2, #ARGV, 2 do
  local name, size = ARGV[i], tonumber(ARGV[i + 1])
  sum = sum + size - tonumber(redis.call('HGET', KEYS[2], name) or '0')
  redis.call('HSET', KEYS[2], name, size)
  redis.call('ZADD', KEYS[1], now, name)
end
local gone = {}
while sum > tonumber(ARGV[1]) do
  local oldest = redis.call('ZPOPMIN', KEYS[1])
  if #oldest == 0 then
    sum = 0
    break
  end
  sum = sum - tonumber(redis.call('HGET', KEYS[2], oldest[1]) or '0')
  redis.call('HDEL', KEYS[2], oldest[1])
  gone[#gone + 1] = oldest[1]
end
redis.call('SET', KEYS[3], string.format('%.0f', sum))
return gone

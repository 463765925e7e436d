-- Writes a report, unless the lock was taken by somebody else after its maker took it.
-- KEYS: fence, report, last report. ARGV: the maker's fencing number, entry, its life in ms, life of the last report in ms.
-- Returns 1; 0: refused.
local newest = tonumber(redis.call('GET', KEYS[1]) or '0')
if newest > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[4])
return 1

-- wrk: a POST from another client each time, as a trusted proxy would report it.
local n, threads = 0, 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
wrk.method = "POST"
wrk.body = '{"text": "What a wonderful little server!"}'
function request()
  n = n + 1
  local address = string.format("10.%d.%d.%d", id * 100 + math.floor(n / 62500) % 100, math.floor(n / 250) % 250, n % 250 + 1)
  return wrk.format(nil, nil, {["Content-Type"] = "application/json", ["X-Forwarded-For"] = address})
end

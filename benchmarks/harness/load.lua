-- wrk: POSTs the file $BODY with the fields in $FIELDS; each from another client, as a trusted proxy would report it, or with $ONE_CLIENT set
-- all from the same; with $KEYS, a file, each with another of its keys, or with a wrong one if it has none; with $DELAY_MS after so long. Says what came of it as one line of JSON.
local one_client = os.getenv("ONE_CLIENT")
local file = io.open(os.getenv("BODY"), "rb")
local body = file:read("*a")
file:close()
local fields = {}
for name, value in string.gmatch(os.getenv("FIELDS"), "([^:\n]+): ([^\n]+)") do fields[name] = value end
local keys
if os.getenv("KEYS") then
  keys = {}
  for key in io.lines(os.getenv("KEYS")) do keys[#keys + 1] = key end
end
local delay_ms = tonumber(os.getenv("DELAY_MS") or "0")
local sent, threads = 0, 0

function setup(thread) thread:set("id", threads); threads = threads + 1 end

function request()
  sent = sent + 1
  local address, n = "192.0.2.1", sent
  if not one_client then
    address = string.format("10.%d.%d.%d", id * 100 + math.floor(n / 62500) % 100, math.floor(n / 250) % 250, n % 250 + 1)
  end
  fields["X-Forwarded-For"] = address
  if keys then
    fields["Authorization"] = "Bearer " .. (#keys > 0 and keys[(sent * 2 + id) % #keys + 1] or string.format("msk_%043d", sent * 2 + id))
  end
  return wrk.format("POST", nil, fields, body)
end

if delay_ms > 0 then
  function delay() return delay_ms end
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end

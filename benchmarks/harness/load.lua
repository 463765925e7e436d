-- wrk: POSTs the file $BODY with the fields in $FIELDS; each from another client, as a trusted proxy would report it, or with $ONE_CLIENT set
-- all from the same. Says what came of it as one line of JSON.
local one_client = os.getenv("ONE_CLIENT")
local file = io.open(os.getenv("BODY"), "rb")
local body = file:read("*a")
file:close()
local fields = {}
for name, value in string.gmatch(os.getenv("FIELDS"), "([^:\n]+): ([^\n]+)") do fields[name] = value end
local sent, threads = 0, 0

function setup(thread) thread:set("id", threads); threads = threads + 1 end

function request()
  sent = sent + 1
  local address, n = "192.0.2.1", sent
  if not one_client then
    address = string.format("10.%d.%d.%d", id * 100 + math.floor(n / 62500) % 100, math.floor(n / 250) % 250, n % 250 + 1)
  end
  fields["X-Forwarded-For"] = address
  return wrk.format("POST", nil, fields, body)
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end

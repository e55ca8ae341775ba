-- What wrk sends: batches, each under a number of its own, or a page; visitors take turns.
-- usage: wrk ... -s requests.lua URL -- VISITORS MOVEMENTS events|view FIRST
-- The last line that is printed is what was found, as JSON.

local visitors, movements, kind, first
local sent = 0
local threads = {}
statuses = {}

local function lines_of(path)
  local found = {}
  for line in io.lines(path) do found[#found + 1] = line end
  return found
end

function setup(thread) threads[#threads + 1] = thread end

function init(args)
  visitors, movements = {}, lines_of(args[2])
  kind, first = args[3], tonumber(args[4])
  for i, line in ipairs(lines_of(args[1])) do
    local cookie, token, nonce = line:match("(%S+) (%S+) (%S+)")
    local headers = {["Cookie"] = "session=" .. cookie, ["Sec-Fetch-Site"] = "same-origin"}
    -- Of connections that are kept, one worker may take all, and the other one idles.
    headers["Connection"] = "close"
    if kind == "view" then
      headers["Sec-Fetch-Mode"], headers["Accept"] = "navigate", "text/html"
      visitors[i] = wrk.format("GET", "/secret", headers)
    else
      headers["Sec-Fetch-Mode"], headers["Content-Type"] = "cors", "application/json"
      visitors[i] = {headers, string.format('"token": "%s", "nonce": "%s", ', token, nonce)}
    end
  end
end

function request()
  local visitor = visitors[sent % #visitors + 1]
  local number = first + math.floor(sent / #visitors)
  local movement = movements[sent % #movements + 1]
  sent = sent + 1
  if kind == "view" then return visitor end
  local body = string.format('{"seq": %d, %s%s', number, visitor[2], movement)
  return wrk.format("POST", "/zerotrust/events", visitor[1], body)
end

function response(status) statuses[tostring(status)] = (statuses[tostring(status)] or 0) + 1 end

function done(summary, latency)
  local seen, errors = {}, summary.errors
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do seen[status] = (seen[status] or 0) + count end
  end
  local counts = {}
  for status, count in pairs(seen) do counts[#counts + 1] = string.format('"%s": %d', status, count) end
  print(string.format(
    '{"requests": %d, "us": %d, "p50_us": %d, "p99_us": %d, "broken": %d, "statuses": {%s}}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout, table.concat(counts, ", ")))
end

-- Load head and rows of a lane. KEYS[1]: the prefix. ARGV: the lane's encoded id; then, each with its number first,
-- rows (kind, key), kinds, newest (kind, limit), counts (kind, last sequence). Answers come in the same order.

local prefix, id, position = KEYS[1], ARGV[1], 1

local function take()
  position = position + 1
  return ARGV[position]
end

local function rows(kind)
  return prefix .. 'rows:' .. id .. ':' .. kind
end

local function order(kind)
  return prefix .. 'order:' .. id .. ':' .. kind
end

-- Each with its sequence; one whose record was lost is left out.
local function with_records(kind, ordered)
  local found = {}
  for i = 1, #ordered, 2 do
    local record = redis.call('HGET', rows(kind), ordered[i])
    if record then
      found[#found + 1] = {ordered[i], ordered[i + 1], record}
    end
  end
  return found
end

local answer = {redis.call('TIME'), redis.call('HMGET', prefix .. 'head:' .. id, 'version', 'head')}
for _ = 1, tonumber(take()) do
  local kind, key = take(), take()
  answer[#answer + 1] = {redis.call('ZSCORE', order(kind), key) or '0', redis.call('HGET', rows(kind), key)}
end
for _ = 1, tonumber(take()) do
  local kind = take()
  answer[#answer + 1] = with_records(kind, redis.call('ZRANGE', order(kind), 0, -1, 'WITHSCORES'))
end
for _ = 1, tonumber(take()) do
  local kind, limit = take(), tonumber(take())
  local found = limit > 0 and redis.call('ZREVRANGE', order(kind), 0, limit - 1, 'WITHSCORES') or {}
  answer[#answer + 1] = with_records(kind, found)
end
for _ = 1, tonumber(take()) do
  answer[#answer + 1] = redis.call('ZCOUNT', order(take()), '-inf', take())
end
return answer

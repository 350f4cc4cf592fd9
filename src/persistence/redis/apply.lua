-- Apply changes of lanes, all of them or none. KEYS[1]: the prefix. ARGV: the number of lanes; then for each its
-- encoded id, "1" when its head changes, the head's version that is expected and its new one ("" for none), the new
-- head; "1" to erase; then, each with its number first, absent rows (kind, key), drops (kind, last sequence), deletes
-- (kind, key), puts (kind, key, sequence, record, "1" to keep what is there), index (index, key, sort or "" for none).
-- Returns 1 when they are applied, also before, and 0 when somebody was faster. Of a lane are kept: its head, its rows
-- and their order by kind, and in `of` the names of its kinds and index entries.

local prefix, position = KEYS[1], 0

local function take()
  position = position + 1
  return ARGV[position]
end

local function take_rows(width)
  local found = {}
  for i = 1, tonumber(take()) do
    found[i] = {}
    for j = 1, width do
      found[i][j] = take()
    end
  end
  return found
end

local function rows(lane, kind)
  return prefix .. 'rows:' .. lane.id .. ':' .. kind
end

local function order(lane, kind)
  return prefix .. 'order:' .. lane.id .. ':' .. kind
end

local function delete(lane, kind, key)
  redis.call('HDEL', rows(lane, kind), key)
  redis.call('ZREM', order(lane, kind), key)
  if redis.call('EXISTS', rows(lane, kind)) == 0 then
    redis.call('HDEL', prefix .. 'of:' .. lane.id, 'kind ' .. kind)
  end
  if redis.call('HGET', prefix .. 'ids:' .. kind, key) == lane.id then
    redis.call('HDEL', prefix .. 'ids:' .. kind, key)
  end
end

local function drop(lane, kind, last)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', order(lane, kind), '-inf', last)) do
    delete(lane, kind, key)
  end
end

local function put(lane, kind, key, sequence, record, keep)
  if redis.call('HSETNX', rows(lane, kind), key, record) == 1 then
    redis.call('ZADD', order(lane, kind), sequence, key)
    redis.call('HSETNX', prefix .. 'of:' .. lane.id, 'kind ' .. kind, '')
    if kind == 'approval' or kind == 'ticket' then
      redis.call('HSETNX', prefix .. 'ids:' .. kind, key, lane.id)
    end
  elseif keep ~= '1' then
    redis.call('HSET', rows(lane, kind), key, record)
  end
end

local function index(lane, name, key, sort)
  local member, of = lane.id .. ' ' .. key, prefix .. 'of:' .. lane.id
  if sort == '' then
    redis.call('ZREM', prefix .. 'index:' .. name, member)
    redis.call('HDEL', of, 'index ' .. name .. ' ' .. key)
  else
    redis.call('ZADD', prefix .. 'index:' .. name, sort, member)
    redis.call('HSETNX', of, 'index ' .. name .. ' ' .. key, '')
  end
end

local function erase(lane)
  local of = prefix .. 'of:' .. lane.id
  for _, name in ipairs(redis.call('HKEYS', of)) do
    local kind = name:match('^kind (.*)$')
    if kind then
      drop(lane, kind, '+inf')
    else
      local found, key = name:match('^index (%S+) (.*)$')
      index(lane, found, key, '')
    end
  end
  redis.call('UNLINK', of)
end

local lanes, applied, heads = {}, 0, 0
for i = 1, tonumber(take()) do
  local lane = {id = take(), changes = take() == '1', expected = take(), version = take(), head = take()}
  lane.erased, lane.absent, lane.drops = take() == '1', take_rows(2), take_rows(2)
  lane.deletes, lane.puts, lane.index = take_rows(2), take_rows(5), take_rows(3)
  lane.found = redis.call('HGET', prefix .. 'head:' .. lane.id, 'version') or ''
  if lane.changes then
    heads = heads + 1
    applied = applied + (lane.found == lane.version and 1 or 0)
  end
  lanes[i] = lane
end
if heads > 0 and applied == heads then
  return 1
end
for _, lane in ipairs(lanes) do
  if lane.changes and lane.found ~= lane.expected then
    return 0
  end
  for _, name in ipairs(lane.absent) do
    if redis.call('HEXISTS', rows(lane, name[1]), name[2]) == 1 then
      return 0
    end
  end
end
for _, lane in ipairs(lanes) do
  if lane.changes and lane.version == '' then
    redis.call('UNLINK', prefix .. 'head:' .. lane.id)
  elseif lane.changes then
    redis.call('HSET', prefix .. 'head:' .. lane.id, 'version', lane.version, 'head', lane.head)
  end
  if lane.erased then
    erase(lane)
  end
  for _, one in ipairs(lane.drops) do
    drop(lane, one[1], one[2])
  end
  for _, one in ipairs(lane.deletes) do
    delete(lane, one[1], one[2])
  end
  for _, one in ipairs(lane.puts) do
    put(lane, one[1], one[2], one[3], one[4], one[5])
  end
  for _, one in ipairs(lane.index) do
    index(lane, one[1], one[2], one[3])
  end
end
return 1

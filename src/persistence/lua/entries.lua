-- Entries of a lane: packed by key in a hash, the keys of those that wait in a list, their tries in another hash, and
-- the keys of the others by age, for purging.

local function read_entry(key)
  local entry = unpacked(redis.call('HGET', lane_key .. ':entries', key)) or {}
  return {token = entry.token, at = entry.at or now, record = entry.record or ''}
end

local function accept(lane, token, not_after, entries)
  local receipts, seen, stored = {}, {}, false
  for i, row in ipairs(entries) do
    local key, record = row[1], row[2]
    if redis.call('HEXISTS', lane_key .. ':entries', key) == 1 then
      local earlier = read_entry(key)
      local mine = earlier.token == token and not seen[key]
      receipts[i] = mine and {'accepted'} or {'duplicate', earlier.record}
    elseif not_after and now > not_after then
      receipts[i] = {'late'}
    else
      local packed = cmsgpack.pack({token = token, at = now, record = record})
      redis.call('HSET', lane_key .. ':entries', key, packed)
      redis.call('RPUSH', lane_key .. ':waiting', key)
      receipts[i], stored = {'accepted'}, true
    end
    seen[key] = true
  end
  if stored then
    redis.call('ZADD', partition .. 'due', 'LT', now, lane_id)
    redis.call('ZADD', partition .. 'waiting', 'NX', now, lane_id)
    touch(lane)
  end
  return receipts, stored
end

-- Take an entry out of those that wait; its key stays a duplicate.
local function end_waiting(key)
  if redis.call('LREM', lane_key .. ':waiting', 1, key) == 0 then
    return false
  end
  redis.call('HDEL', lane_key .. ':tries', key)
  redis.call('ZADD', lane_key .. ':keys', read_entry(key).at, key)
  return true
end

local function set_entry_aside(key, reason)
  if end_waiting(key) then
    set_aside('entry', key, reason, read_entry(key).record)
  end
end

local function waiting_rows()
  local rows = {}
  for i, key in ipairs(redis.call('LRANGE', lane_key .. ':waiting', 0, -1)) do
    local entry = read_entry(key)
    local tries = tonumber(redis.call('HGET', lane_key .. ':tries', key)) or 0
    rows[i] = {key, entry.record, exact(entry.at), tries}
  end
  return rows
end

-- Return what waits, the first entry's tries raised.
local function take_up(lane, raise)
  local rows = waiting_rows()
  if raise and rows[1] then
    lane.tried = rows[1][1]
    rows[1][4] = redis.call('HINCRBY', lane_key .. ':tries', lane.tried, 1)
  end
  return rows
end

-- Work out anew since when the lane has work.
local function settle_due(lane)
  local due = lane.wake
  local first = redis.call('LINDEX', lane_key .. ':waiting', 0)
  if first then
    local at = read_entry(first).at
    redis.call('ZADD', partition .. 'waiting', at, lane_id)
    due = math.min(due or at, at)
  else
    redis.call('ZREM', partition .. 'waiting', lane_id)
  end
  if due then
    redis.call('ZADD', partition .. 'due', due, lane_id)
  else
    redis.call('ZREM', partition .. 'due', lane_id)
  end
end

local function free(lane)
  lane.holder, lane.till, lane.tried = nil, 0, nil
end

-- due: limit, replica -> lanes (time, id), lines (time, channel:id) of a partition that nobody holds, oldest first
local BATCH = 100

local function overdue(index, limit, is_free)
  local found, offset = {}, 0
  repeat
    local rows = redis.call('ZRANGEBYSCORE', partition .. index, '-inf', now, 'WITHSCORES', 'LIMIT', offset, BATCH)
    for i = 1, #rows, 2 do
      if #found < limit and is_free(rows[i]) then
        found[#found + 1] = {rows[i + 1], rows[i]}
      end
    end
    offset = offset + BATCH
  until #rows < 2 * BATCH or #found == limit
  return found
end

local limit, replica = take_number(), take()
local lanes = overdue('due', limit, function(id)
  local lane = unpacked(redis.call('GET', partition .. 'lane:' .. id))
  return not is_held(lane)
end)
local lines = overdue('lines', limit, function(member)
  local channel, id = member:match('^([^:]*):(.*)$')
  local lane = partition .. 'lane:' .. id
  local line = unpacked(redis.call('HGET', lane .. ':lines', channel))
  return not is_held(line) and not is_elsewhere(lane, channel, replica)
end)
return {lanes, lines}

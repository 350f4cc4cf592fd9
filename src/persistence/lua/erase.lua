-- erase: token of this call, actor, hash of the subject -> number of records, or -1 while somebody holds the lane
local token, actor, subject_hash = take(), take(), take()
local audit = partition .. 'audit:' .. subject_hash
local last = redis.call('LINDEX', audit, -1)
local _, _, counted, by = (last or ''):find('^%S+ (%S+) (%S+)')
if by == token then -- this very call, whose answer was lost
  return tonumber(counted)
end
local lane = read_lane()
if is_held(lane) then
  return -1
end
local deleted = lane and 1 or 0
for _, name in ipairs({'entries', 'answers', 'effects', 'replies', 'lines'}) do
  deleted = deleted + size('HLEN', name)
end
deleted = deleted + size('EXISTS', 'conversation') + size('LLEN', 'timeline') + size('LLEN', 'tickets')
deleted = deleted + size('SCARD', 'approvals') + size('ZCARD', 'aside') + size('EXISTS', 'presence')
forget_lane()
drop('entries', 'waiting', 'tries', 'keys', 'effects', 'effects:age', 'aside')
deleted = deleted + redis.call('HDEL', partition .. 'optouts', lane_id)
for _, index in ipairs({'lanes', 'due', 'waiting', 'aside'}) do
  redis.call('ZREM', partition .. index, lane_id)
end
if deleted > 0 then
  redis.call('RPUSH', audit, table.concat({exact(now), deleted, token, actor}, ' '))
end
return deleted

-- delivery_status: token of this call, reply, status, provider's id, error code, states it may come from, timeline
-- -> 1 when it moved
local token, id, status, provider, code = take(), take(), take(), take(), take()
local from, timeline = take_rows(1), take_rows(1)
local reply = read_reply(id)
if not reply then
  return 0
end
if reply.moved_by == token then -- this very call, whose answer was lost
  return 1
end
local before, may_move = reply.status, false
for _, row in ipairs(from) do
  may_move = may_move or row[1] == before
end
if not may_move then
  return 0
end
reply.status, reply.provider, reply.code, reply.moved_by = status, provider, code, token
write_reply(id, reply)
append_timeline(timeline)
local lane = read_lane() or {}
touch(lane)
write_lane(lane)
if before == 'waiting' and reply.channel then
  local channel = reply.channel
  local first = redis.call('LINDEX', queue_of(channel), 0) == id
  unqueue(channel, id)
  local line = read_line(channel)
  if line and first then -- behind the head nothing changes; the next one need not rest
    line.due = redis.call('EXISTS', queue_of(channel)) == 1 and now or nil
    write_line(channel, line)
  end
end
return 1

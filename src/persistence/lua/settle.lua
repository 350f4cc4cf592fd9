-- settle: channel, holder, seconds, replica, reply, tries, status, provider's id, error code, retry, timeline -> outgoing
local channel, holder, seconds, replica, id, tries = take(), take(), take_number(), take(), take(), take_number()
local status, provider, code, retry, timeline = take(), take(), take(), take_number(), take_rows(1)
local line, reply = read_line(channel), read_reply(id)
if not line or not reply or line.holder ~= holder then
  return false
end
if line.reply ~= id then -- this call was answered before: the holder is further on
  return next_reply(channel, holder, seconds, replica)
end
if reply.tries ~= tries then -- the attempt took too long, and its holder has begun another one
  return false
end
if reply.status ~= 'waiting' then -- a status callback was faster
  return go_on(channel, line, holder, seconds, replica)
end
reply.status, reply.code = status, code
if provider ~= '' then
  reply.provider = provider
end
write_reply(id, reply)
append_timeline(timeline)
local lane = read_lane() or {}
touch(lane)
write_lane(lane)
if status == 'waiting' then
  free_line(line)
  line.due = now + (retry or 0)
  write_line(channel, line)
  return false
end
unqueue(channel, id)
return go_on(channel, line, holder, seconds, replica)

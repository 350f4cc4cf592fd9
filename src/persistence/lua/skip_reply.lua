-- skip_reply: the reply that a holder was given cannot be read; set it aside and give the next.
-- channel, holder, seconds, replica, reply -> outgoing
local channel, holder, seconds, replica, id = take(), take(), take_number(), take(), take()
local line = read_line(channel)
if line and line.holder == holder and line.reply == id then
  local reply = read_reply(id)
  if reply and reply.status == 'waiting' then
    set_aside('reply', id, 'unreadable', reply.record)
    redis.call('HDEL', lane_key .. ':replies', id)
    redis.call('LREM', lane_key .. ':order', 1, id)
    unqueue(channel, id)
  end
  return go_on(channel, line, holder, seconds, replica)
end
return next_reply(channel, holder, seconds, replica)

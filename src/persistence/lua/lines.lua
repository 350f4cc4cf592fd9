-- Lines of replies: holder, till (when its lease ends), reply (the one it sends) and due (since when there is one to
-- send, or until when the line rests), packed by channel. Replies are packed by id; lists keep their order.

local function read_line(channel)
  return unpacked(redis.call('HGET', lane_key .. ':lines', channel))
end

local function write_line(channel, line)
  redis.call('HSET', lane_key .. ':lines', channel, cmsgpack.pack(line))
  if line.due then
    redis.call('ZADD', partition .. 'lines', line.due, channel .. ':' .. lane_id)
  else
    redis.call('ZREM', partition .. 'lines', channel .. ':' .. lane_id)
  end
end

local function read_reply(id)
  local reply = unpacked(redis.call('HGET', lane_key .. ':replies', id))
  if reply and not reply.status then
    return {status = 'waiting', tries = 0, queued = now, record = ''}
  end
  return reply
end

local function write_reply(id, reply)
  redis.call('HSET', lane_key .. ':replies', id, cmsgpack.pack(reply))
end

local function queue_of(channel)
  return lane_key .. ':queue:' .. channel
end

-- Take a reply out of its line.
local function unqueue(channel, id)
  redis.call('LREM', queue_of(channel), 1, id)
  redis.call('ZREM', partition .. 'unsettled', lane_id .. ' ' .. id)
end

local function free_line(line)
  line.holder, line.till, line.reply = nil, 0, nil
end

-- Whether what waits in a line can be said at another replica only.
local function is_elsewhere(lane, channel, replica)
  local there = channel == 'voice' and read_presence(lane)
  return there and there.replica ~= replica
end

-- Claim the oldest waiting reply for a holder; without one the line is empty and free.
local function take_first(channel, line, holder, seconds)
  local id = redis.call('LINDEX', queue_of(channel), 0)
  while id do
    local reply = read_reply(id)
    if reply and reply.status == 'waiting' then
      reply.tries = reply.tries + 1
      write_reply(id, reply)
      line.holder, line.till, line.reply, line.due = holder, now + seconds, id, reply.queued
      write_line(channel, line)
      return {channel, id, reply.record, reply.tries}
    end
    unqueue(channel, id)
    id = redis.call('LINDEX', queue_of(channel), 0)
  end
  free_line(line)
  line.due = nil
  write_line(channel, line)
  return false
end

-- Give a holder its line's next reply, or free the line for the replica that has the call.
local function go_on(channel, line, holder, seconds, replica)
  if not is_elsewhere(lane_key, channel, replica) then
    return take_first(channel, line, holder, seconds)
  end
  local id = redis.call('LINDEX', queue_of(channel), 0)
  free_line(line)
  line.due = id and (read_reply(id) or {queued = now}).queued or nil
  write_line(channel, line)
  return false
end

-- Claim a line that nobody holds.
local function take_line(channel, holder, seconds, replica)
  local line = read_line(channel)
  if is_elsewhere(lane_key, channel, replica) then
    return false
  end
  if line and (line.till or 0) <= now and line.due and line.due <= now then
    return take_first(channel, line, holder, seconds)
  end
  return false
end

-- What next_reply does: the same reply again for the same holder, unless it is settled; else the line's first.
local function next_reply(channel, holder, seconds, replica)
  local line = read_line(channel)
  if is_elsewhere(lane_key, channel, replica) then
    return false
  end
  if line and line.holder == holder then
    local reply = line.reply and read_reply(line.reply)
    if reply and reply.status == 'waiting' then
      line.till = now + seconds
      write_line(channel, line)
      return {channel, line.reply, reply.record, reply.tries}
    end
    free_line(line)
    write_line(channel, line)
  end
  return take_line(channel, holder, seconds, replica)
end

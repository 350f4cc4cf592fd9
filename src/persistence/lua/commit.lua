-- commit: fence, holder, token, deliver, replica, wake, conversation (version, channel, opt-outs, record, head),
-- approvals (id, status, expiry, record), consumed keys, keys to set aside, timeline, tickets (id, status, record), blocked channels,
-- replies (id, channel, record) -> version, waiting, outgoing; nothing when the lease is lost.
local ANSWER_SECONDS = 3600

local fence, holder, token, deliver = take_number(), take(), take(), take_number()
local replica, wake = take(), take_number()
local answers, ages = lane_key .. ':answers', lane_key .. ':answers:age'
local earlier = redis.call('HGET', answers, token)
if earlier then
  return unpacked(earlier)
end
local lane = read_lane()
if not lane or lane.fence ~= fence then
  return false
end

local function write_conversation(version, channel, opted_out, record, head)
  local key = lane_key .. ':conversation'
  local stored = tonumber(redis.call('HGET', key, 'version')) or 0
  local following = math.max(stored, version) + 1
  redis.call('HSET', key, 'record', record, 'version', following, 'at', now, 'channel', channel, 'head', head)
  redis.call('ZADD', partition .. 'recent', now, lane_id)
  if opted_out == '' then
    redis.call('HDEL', partition .. 'optouts', lane_id)
  else
    redis.call('HSET', partition .. 'optouts', lane_id, opted_out)
  end
  return following
end

-- An id that another customer has is left alone.
local function store_ticket(id, status, record)
  local stored = redis.call('HGET', partition .. 'tickets', id)
  if stored and stored:match('^%S+') ~= lane_id then
    return
  end
  redis.call('HSET', partition .. 'tickets', id, lane_id .. ' ' .. record)
  if not stored then
    redis.call('RPUSH', lane_key .. ':tickets', id)
  end
  redis.call(status == 'open' and 'SADD' or 'SREM', lane_key .. ':open', id)
end

local function block_line(channel)
  for _, id in ipairs(redis.call('LRANGE', queue_of(channel), 0, -1)) do
    local reply = read_reply(id)
    if reply then
      reply.status = 'blocked'
      write_reply(id, reply)
    end
    unqueue(channel, id)
  end
  local line = read_line(channel)
  if line then
    line.due = nil
    write_line(channel, line)
  end
end

local function queue_reply(id, channel, record)
  if redis.call('HEXISTS', lane_key .. ':replies', id) == 0 then
    write_reply(id, {channel = channel, status = 'waiting', tries = 0, queued = now, record = record})
    redis.call('RPUSH', lane_key .. ':order', id)
    redis.call('RPUSH', queue_of(channel), id)
    redis.call('ZADD', partition .. 'unsettled', now, lane_id .. ' ' .. id)
  end
end

-- Queue replies and return the channels of theirs, in order of appearance.
local function queue_replies(rows)
  local channels, seen = {}, {}
  for _, row in ipairs(rows) do
    local channel = row[2]
    queue_reply(row[1], channel, row[3])
    if not seen[channel] then
      seen[channel] = true
      channels[#channels + 1] = channel
      local line = read_line(channel) or {}
      line.due = line.due or now
      write_line(channel, line)
    end
  end
  return channels
end

local function keep_answer(answer)
  local old = redis.call('ZRANGEBYSCORE', ages, '-inf', now - ANSWER_SECONDS, 'LIMIT', 0, 1000)
  for _, one in ipairs(old) do
    redis.call('HDEL', answers, one)
    redis.call('ZREM', ages, one)
  end
  redis.call('HSET', answers, token, cmsgpack.pack(answer))
  redis.call('ZADD', ages, now, token)
end

local version = write_conversation(take_number(), take(), take(), take(), take())
index_approvals(take_rows(4))
for _, row in ipairs(take_rows(1)) do
  end_waiting(row[1])
end
for _, row in ipairs(take_rows(1)) do
  set_entry_aside(row[1], 'failed')
end
append_timeline(take_rows(1))
for _, row in ipairs(take_rows(3)) do
  store_ticket(row[1], row[2], row[3])
end
for _, row in ipairs(take_rows(1)) do
  block_line(row[1])
end
local channels = queue_replies(take_rows(3))

lane.wake = wake
touch(lane)
settle_due(lane)
local waiting = take_up(lane, true)
if waiting[1] then
  lane.holder, lane.till = holder, now + (lane.seconds or 0)
else
  free(lane)
end
local outgoing = {}
if deliver then
  for _, channel in ipairs(channels) do
    outgoing[#outgoing + 1] = take_line(channel, holder, deliver, replica) or nil
  end
end
write_lane(lane)
local answer = {version, waiting, outgoing}
keep_answer(answer)
return answer

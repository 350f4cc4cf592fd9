-- Deleting a lane's records. What is derived goes with what it is derived from.

local function size(command, name)
  return redis.call(command, lane_key .. ':' .. name)
end

local function drop(...)
  for _, name in ipairs({...}) do
    redis.call('UNLINK', lane_key .. ':' .. name)
  end
end

-- Whether replies are unsettled, people are asked, somebody is on the line, or the lane has work.
local function is_busy(lane)
  if is_held(lane) or read_presence(lane_key) or redis.call('ZSCORE', partition .. 'due', lane_id) then
    return true
  end
  for _, channel in ipairs(redis.call('HKEYS', lane_key .. ':lines')) do
    if redis.call('EXISTS', lane_key .. ':queue:' .. channel) == 1 then
      return true
    end
  end
  return redis.call('EXISTS', lane_key .. ':pending', lane_key .. ':open') > 0
end

-- Delete everything that lives as long as the lane itself.
local function forget_lane()
  for _, channel in ipairs(redis.call('HKEYS', lane_key .. ':lines')) do
    redis.call('ZREM', partition .. 'lines', channel .. ':' .. lane_id)
    drop('queue:' .. channel)
  end
  for _, id in ipairs(redis.call('HKEYS', lane_key .. ':replies')) do
    redis.call('ZREM', partition .. 'unsettled', lane_id .. ' ' .. id)
  end
  for _, id in ipairs(redis.call('LRANGE', lane_key .. ':tickets', 0, -1)) do
    redis.call('HDEL', partition .. 'tickets', id)
  end
  for _, id in ipairs(redis.call('SMEMBERS', lane_key .. ':approvals')) do
    forget_approval(id)
  end
  redis.call('ZREM', partition .. 'recent', lane_id)
  redis.call('UNLINK', lane_key)
  drop('lines', 'replies', 'order', 'tickets', 'open', 'approvals', 'pending', 'conversation', 'timeline')
  drop('answers', 'answers:age', 'presence')
end

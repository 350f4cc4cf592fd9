-- move: what another customer's lane holds becomes this lane's; the script of commit follows and writes the rest.
-- KEYS[3] and KEYS[4] are the other partition and lane.
-- other id, other fence, other holder, this fence, this holder, row that is left behind,
-- approvals (id, status, expiry, record) -> what commit answers; nothing when a lease is lost or the lane is busy.
local other_id, other_fence, other_holder = take(), take_number(), take()
local this_fence, this_holder, departure = take_number(), take(), take()
local approvals = take_rows(4)
local this_partition, this_lane, this_id = partition, lane_key, lane_id

local function go_there()
  partition, lane_key, lane_id = KEYS[3], KEYS[4], other_id
end

local function come_back()
  partition, lane_key, lane_id = this_partition, this_lane, this_id
end

local function holds(fence, holder)
  local lane = read_lane()
  return lane ~= nil and lane.fence == fence and lane.holder == holder
end

local function is_unfinished()
  if redis.call('EXISTS', lane_key .. ':waiting') == 1 then
    return true
  end
  for _, channel in ipairs(redis.call('HKEYS', lane_key .. ':lines')) do
    if redis.call('EXISTS', queue_of(channel)) == 1 then
      return true
    end
  end
  return false
end

-- A hash with the ages of its fields; what this lane has already stays as it is.
local function move_aged(name, ages)
  local fields = redis.call('HGETALL', KEYS[4] .. name)
  for i = 1, #fields, 2 do
    if redis.call('HSETNX', this_lane .. name, fields[i], fields[i + 1]) == 1 then
      local age = redis.call('ZSCORE', KEYS[4] .. ages, fields[i])
      if age then
        redis.call('ZADD', this_lane .. ages, age, fields[i])
      end
    end
  end
end

local function move_replies()
  for _, id in ipairs(redis.call('LRANGE', KEYS[4] .. ':order', 0, -1)) do
    local packed = redis.call('HGET', KEYS[4] .. ':replies', id)
    if packed and redis.call('HSETNX', this_lane .. ':replies', id, packed) == 1 then
      redis.call('RPUSH', this_lane .. ':order', id)
    end
  end
end

-- Rows begin with their time; both lists are in its order.
local function move_timeline()
  local mine = redis.call('LRANGE', this_lane .. ':timeline', 0, -1)
  local theirs = redis.call('LRANGE', KEYS[4] .. ':timeline', 0, -1)
  redis.call('DEL', this_lane .. ':timeline')
  local i, j = 1, 1
  while mine[i] or theirs[j] do
    local at_mine = mine[i] and tonumber(mine[i]:match('^%S+')) or math.huge
    local at_theirs = theirs[j] and tonumber(theirs[j]:match('^%S+')) or math.huge
    if mine[i] and (at_mine <= at_theirs or not theirs[j]) then
      redis.call('RPUSH', this_lane .. ':timeline', mine[i])
      i = i + 1
    else
      redis.call('RPUSH', this_lane .. ':timeline', theirs[j])
      j = j + 1
    end
  end
end

local function move_set_aside()
  local rows = redis.call('ZRANGE', KEYS[4] .. ':aside', 0, -1, 'WITHSCORES')
  for i = 1, #rows, 2 do
    redis.call('ZADD', this_lane .. ':aside', rows[i + 1], rows[i])
  end
end

local function leave()
  forget_lane()
  drop('entries', 'waiting', 'tries', 'keys', 'effects', 'effects:age', 'aside')
  redis.call('HDEL', partition .. 'optouts', lane_id)
  for _, index in ipairs({'lanes', 'due', 'waiting', 'aside'}) do
    redis.call('ZREM', partition .. index, lane_id)
  end
  append_timeline({{departure}})
  local lane = {}
  touch(lane)
  write_lane(lane)
end

local mine = holds(this_fence, this_holder)
go_there()
if not mine or not holds(other_fence, other_holder) or is_unfinished() then
  do return false end
end
move_aged(':entries', ':keys')
move_aged(':effects', ':effects:age')
move_replies()
move_timeline()
move_set_aside()
leave()
come_back()
count_aside()
for _, row in ipairs(approvals) do
  index_approval(row[1], row[2], row[3], row[4])
end

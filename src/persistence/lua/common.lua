-- Begins every script. KEYS[1] is a partition, KEYS[2] a lane in it; every other key is one of these two with a word
-- behind it, so that a script touches one slot of a cluster. ARGV[1] is what tests add to the server's clock, ARGV[2]
-- the lane's encoded id; the operation's own arguments follow. "" stands for nothing. No key but presence expires.
-- What only scripts read is packed (cmsgpack keeps every digit of a time, cjson does not).

local partition, lane_key, lane_id = KEYS[1], KEYS[2], ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000 + ARGV[1]
local position = 2

local function take()
  position = position + 1
  return ARGV[position]
end

local function take_number()
  return tonumber(take())
end

-- Lists come with their length first and so many arguments per row.
local function take_rows(width)
  local rows = {}
  for i = 1, take_number() do
    rows[i] = {}
    for j = 1, width do
      rows[i][j] = take()
    end
  end
  return rows
end

-- Answers cut the fraction off a number; this keeps it.
local function exact(number)
  return string.format('%.17g', number)
end

-- A damaged value reads as an empty one: no record may stop its lane.
local function unpacked(packed)
  if not packed then
    return nil
  end
  local fits, value = pcall(cmsgpack.unpack, packed)
  return fits and type(value) == 'table' and value or {}
end

-- The lane: fence, holder, seconds, till (when the lease ends), tried (the entry whose tries the present claim
-- raised), unreadable (it found the conversation so), wake, touched.
local function read_lane()
  return unpacked(redis.call('GET', lane_key))
end

local function write_lane(lane)
  redis.call('SET', lane_key, cmsgpack.pack(lane))
end

local function touch(lane)
  lane.touched = now
  redis.call('ZADD', partition .. 'lanes', now, lane_id)
end

local function is_held(lane)
  return lane ~= nil and (lane.till or 0) > now
end

-- Who holds the socket of a call: call, replica, till. It expires by itself, and counts no longer than its time by the
-- clock of the scripts.
local function read_presence(lane)
  local there = unpacked(redis.call('GET', lane .. ':presence'))
  return there and (there.till or 0) > now and there or nil
end

local function append_timeline(rows)
  for _, row in ipairs(rows) do
    redis.call('RPUSH', lane_key .. ':timeline', exact(now) .. ' ' .. row[1])
  end
end

-- The partition knows how many records of which lane are set aside.
local function count_aside()
  local number = redis.call('ZCARD', lane_key .. ':aside')
  if number > 0 then
    redis.call('ZADD', partition .. 'aside', number, lane_id)
  else
    redis.call('ZREM', partition .. 'aside', lane_id)
  end
end

-- Keep what cannot be read, or failed too often, for people to look at.
local function set_aside(kind, key, reason, record)
  local packed = cmsgpack.pack({kind = kind, key = key, reason = reason, record = record, at = now})
  redis.call('ZADD', lane_key .. ':aside', now, packed)
  count_aside()
end

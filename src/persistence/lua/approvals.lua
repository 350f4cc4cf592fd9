-- Approvals: by id in the partition, as status, space, record; in sorted sets by expiry, per status and all together.

local function index_approval(id, status, expires, record)
  local approvals = partition .. 'approvals'
  local before = redis.call('HGET', approvals, id)
  if before == status .. ' ' .. record then
    return
  end
  if before then
    redis.call('ZREM', approvals .. ':' .. before:match('^%S+'), id)
  end
  redis.call('HSET', approvals, id, status .. ' ' .. record)
  redis.call('ZADD', approvals .. ':' .. status, expires, id)
  redis.call('ZADD', approvals .. ':all', expires, id)
  redis.call('SADD', lane_key .. ':approvals', id)
  redis.call(status == 'pending' and 'SADD' or 'SREM', lane_key .. ':pending', id)
end

-- Make the index say what the conversation says. A pending one that it no longer carries is void.
local function index_approvals(rows)
  local carried = {}
  for _, row in ipairs(rows) do
    index_approval(row[1], row[2], row[3], row[4])
    carried[row[1]] = true
  end
  for _, id in ipairs(redis.call('SMEMBERS', lane_key .. ':pending')) do
    local stored = redis.call('HGET', partition .. 'approvals', id)
    if stored and not carried[id] then
      local expires = redis.call('ZSCORE', partition .. 'approvals:all', id)
      index_approval(id, 'void', expires, stored:match('^%S+ (.*)$'))
    end
  end
end

local function forget_approval(id)
  local approvals = partition .. 'approvals'
  local stored = redis.call('HGET', approvals, id)
  redis.call('ZREM', approvals .. ':' .. (stored and stored:match('^%S+') or ''), id)
  redis.call('ZREM', approvals .. ':all', id)
  redis.call('HDEL', approvals, id)
end

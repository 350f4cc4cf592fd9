-- counts: -> conversations, pending approvals, age of the oldest waiting entry and of the oldest unsettled reply (""
-- for none), set aside; of one partition
local function age(index)
  local oldest = redis.call('ZRANGE', partition .. index, 0, 0, 'WITHSCORES')[2]
  return oldest and exact(math.max(0, now - oldest)) or ''
end

local aside = 0
local rows = redis.call('ZRANGE', partition .. 'aside', 0, -1, 'WITHSCORES')
for i = 2, #rows, 2 do
  aside = aside + rows[i]
end
local conversations = redis.call('ZCARD', partition .. 'recent')
local pending = redis.call('ZCARD', partition .. 'approvals:pending')
return {conversations, pending, age('waiting'), age('unsettled'), aside}

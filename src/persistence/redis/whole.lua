-- Everything of a lane. KEYS[1]: the prefix. ARGV[1]: the lane's encoded id. Answers version and head; its rows (kind,
-- key, sequence, record); its index entries (index, key, sort).

local prefix, id = KEYS[1], ARGV[1]
local rows, entries = {}, {}
for _, name in ipairs(redis.call('HKEYS', prefix .. 'of:' .. id)) do
  local kind = name:match('^kind (.*)$')
  if kind then
    local ordered = redis.call('ZRANGE', prefix .. 'order:' .. id .. ':' .. kind, 0, -1, 'WITHSCORES')
    for i = 1, #ordered, 2 do
      local record = redis.call('HGET', prefix .. 'rows:' .. id .. ':' .. kind, ordered[i])
      if record then
        rows[#rows + 1] = {kind, ordered[i], ordered[i + 1], record}
      end
    end
  else
    local index, key = name:match('^index (%S+) (.*)$')
    local sort = redis.call('ZSCORE', prefix .. 'index:' .. index, id .. ' ' .. key)
    if sort then
      entries[#entries + 1] = {index, key, sort}
    end
  end
end
return {redis.call('HMGET', prefix .. 'head:' .. id, 'version', 'head'), rows, entries}

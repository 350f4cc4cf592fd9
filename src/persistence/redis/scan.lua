-- List entries of an index, each with its row of a kind. KEYS[1]: the prefix. ARGV: the command that lists, the index,
-- first and last sort, how many to skip and to list, the kind ("" for none); then codes of words. Answers member, sort
-- and record of each. Rows with codes, but not these one behind the other, are left out, except for the last in number.

local prefix, command, index, first, last, skip, limit, kind = KEYS[1], unpack(ARGV, 1, 7)

local function may_hold(record)
  local place = 0
  for i = 8, #ARGV do
    local _, found = record:find(ARGV[i], place + 1, true)
    if not found then
      local _, mark = record:find('words":"', 1, true)
      return not mark or record:sub(mark + 1, mark + 1) == '"'
    end
    place = found
  end
  return true
end

local answer = {}
local entries = redis.call(command, prefix .. 'index:' .. index, first, last, 'WITHSCORES', 'LIMIT', skip, limit)
for i = 1, #entries, 2 do
  local id, key = entries[i]:match('^([^ ]*) ?(.*)$')
  local record = kind ~= '' and redis.call('HGET', prefix .. 'rows:' .. id .. ':' .. kind, key)
  if not record or may_hold(record) or i == 2 * limit - 1 then
    answer[#answer + 1] = {entries[i], entries[i + 1], record}
  end
end
return answer

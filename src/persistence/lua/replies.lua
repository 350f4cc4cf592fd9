-- replies: limit -> record, status, provider's id, error code, tries of the newest, oldest first
local rows = {}
for _, id in ipairs(redis.call('LRANGE', lane_key .. ':order', -take_number(), -1)) do
  local reply = read_reply(id)
  if reply then
    rows[#rows + 1] = {reply.record, reply.status, reply.provider or '', reply.code or '', reply.tries}
  end
end
return rows

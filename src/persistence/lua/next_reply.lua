-- next_reply: channel, holder, seconds -> outgoing
return next_reply(take(), take(), take_number())

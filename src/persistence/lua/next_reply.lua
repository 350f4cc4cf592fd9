-- next_reply: channel, holder, seconds, replica -> outgoing
return next_reply(take(), take(), take_number(), take())

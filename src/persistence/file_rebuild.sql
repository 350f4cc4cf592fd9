-- After a salvage: rows that are derived from others, made again from those that survived.

UPDATE fence SET last = max(last, (SELECT coalesce(max(fence), 0) FROM lane));

INSERT OR IGNORE INTO lane (subject, touched_at)
  SELECT subject, :now FROM conversation
  UNION SELECT subject, :now FROM entry
  UNION SELECT subject, :now FROM approval
  UNION SELECT subject, :now FROM reply
  UNION SELECT subject, :now FROM timeline;

UPDATE lane SET wake_at = coalesce(wake_at,
  (SELECT min(expires_at) FROM approval WHERE approval.subject = lane.subject AND status = 'pending'));

UPDATE lane SET due_at = nullif(min(
  coalesce(wake_at, 9e99),
  coalesce((SELECT min(accepted_at) FROM entry WHERE entry.subject = lane.subject AND waiting = 1), 9e99)), 9e99);

INSERT OR IGNORE INTO line (subject, channel) SELECT DISTINCT subject, channel FROM reply;

UPDATE line SET due_at = CASE WHEN EXISTS
    (SELECT 1 FROM reply WHERE reply.subject = line.subject AND reply.channel = line.channel AND status = 'waiting')
  THEN coalesce(due_at, :now) END;

-- The file store's schema. Rows are keyed by subject, not by a lane number, so that every row that survives a
-- damaged page still says whose it is. ``record`` columns hold the JSON texts of codec.py.

-- Fences come from one counter: they grow for every lane, and nothing of an erased customer has to stay for them.
-- The counter starts at the clock's milliseconds, so that even a lost file never hands out an old fence again.
CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);

-- ``due_at``: since when the lane has work (first waiting entry or wake_at), NULL when it has none.
-- ``tried``: the entry whose ``tries`` the present claim raised. ``unreadable``: it found the conversation so.
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  fence INTEGER NOT NULL DEFAULT 0,
  holder TEXT,
  seconds REAL NOT NULL DEFAULT 0,
  lease_until REAL NOT NULL DEFAULT 0,
  tried INTEGER,
  unreadable INTEGER NOT NULL DEFAULT 0,
  wake_at REAL,
  due_at REAL,
  touched_at REAL NOT NULL
);
CREATE INDEX lane_due ON lane (due_at) WHERE due_at IS NOT NULL;

-- One row per key: it waits, then stays as deduplication key.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  key TEXT NOT NULL,
  token TEXT NOT NULL,
  accepted_at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 1,
  record TEXT NOT NULL,
  UNIQUE (subject, key)
);
CREATE INDEX entry_waiting ON entry (subject, id) WHERE waiting = 1;
CREATE INDEX entry_oldest ON entry (accepted_at) WHERE waiting = 1;

CREATE TABLE conversation (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  updated_at REAL NOT NULL,
  last_channel TEXT NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX conversation_recent ON conversation (updated_at, subject);

-- Whoever wrote STOP. Apart, because it outlives the conversation.
CREATE TABLE opt_out (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, channel TEXT NOT NULL, UNIQUE (subject, channel));

-- The answers of recent commits, for callers that did not get them.
CREATE TABLE answer (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  token TEXT NOT NULL,
  at REAL NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (subject, token)
);
CREATE INDEX answer_age ON answer (subject, at);

CREATE TABLE approval (
  id INTEGER PRIMARY KEY,
  approval_id TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  expires_at REAL NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX approval_subject ON approval (subject, status);
CREATE INDEX approval_status ON approval (status, expires_at, approval_id);
CREATE INDEX approval_expiry ON approval (expires_at, approval_id);

CREATE TABLE timeline (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX timeline_subject ON timeline (subject, id);

CREATE TABLE effect (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  key TEXT NOT NULL,
  token TEXT NOT NULL,
  at REAL NOT NULL,
  result TEXT,
  UNIQUE (subject, key)
);

CREATE TABLE reply (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  channel TEXT NOT NULL,
  reply_id TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting',
  tries INTEGER NOT NULL DEFAULT 0,
  provider_id TEXT,
  error_code INTEGER,
  queued_at REAL NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (subject, reply_id)
);
CREATE INDEX reply_subject ON reply (subject, id);
CREATE INDEX reply_waiting ON reply (subject, channel, id) WHERE status = 'waiting';
CREATE INDEX reply_oldest ON reply (queued_at) WHERE status = 'waiting';

-- ``due_at``: since when the line has a reply to send, or until when it rests; NULL when it is empty.
-- ``reply``: the id of the reply that the holder sends.
CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  channel TEXT NOT NULL,
  holder TEXT,
  lease_until REAL NOT NULL DEFAULT 0,
  reply INTEGER,
  due_at REAL,
  UNIQUE (subject, channel)
);
CREATE INDEX line_due ON line (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE ticket (
  id INTEGER PRIMARY KEY,
  ticket_id TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX ticket_subject ON ticket (subject, id);
CREATE INDEX ticket_open ON ticket (subject) WHERE status = 'open';

-- What could not be read or failed too often, for people to look at.
CREATE TABLE set_aside (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  at REAL NOT NULL,
  record TEXT NOT NULL
);
CREATE INDEX set_aside_subject ON set_aside (subject);

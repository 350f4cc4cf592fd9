-- The Postgres store's schema. In all scripts, `conversation_states` stands for POSTGRES_TABLE_NAME.
-- Rows are keyed by subject and times are seconds since the epoch, as in the file store. `record` columns hold the JSON
-- texts of codec.py: text, not jsonb, which would refuse an escaped NUL and could not hold an unreadable record.
-- What an index holds is at most 200 bytes long (postgres_names.py), and sorts by its bytes: the order of a locale
-- changes with the server's libraries.

-- Fences come from one sequence: they grow for every lane, and nothing of an erased customer has to stay for them.
-- It starts at the clock's milliseconds, so that even a lost database never hands out an old fence again.
CREATE SEQUENCE conversation_states_fence;
SELECT setval('conversation_states_fence', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint);

-- `spelled`: the subject in full, where it is too long for an index. `tried`: the entry whose `tries` the present
-- claim raised. `unreadable`: that claim found the conversation so. `claimer`: who got the fence, also after giving the
-- lane back: should the server crash and lose its last fences, they are handed out again. `due_at`: since when the lane has work (first
-- waiting entry or wake_at), NULL when it has none. `touched_day`: the day of `touched_at`; the age index is on it,
-- because a row whose indexed columns stay the same is updated in place.
CREATE TABLE conversation_states_lane (
  subject text COLLATE "C" PRIMARY KEY,
  spelled text,
  fence bigint NOT NULL DEFAULT 0,
  claimer text,
  holder text,
  seconds float8 NOT NULL DEFAULT 0,
  lease_until float8 NOT NULL DEFAULT 0,
  tried bigint,
  unreadable boolean NOT NULL DEFAULT false,
  wake_at float8,
  due_at float8,
  touched_at float8 NOT NULL DEFAULT 0,
  touched_day int NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE INDEX conversation_states_lane_due ON conversation_states_lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX conversation_states_lane_age ON conversation_states_lane (touched_day);

-- The inbox: one row per key; it waits, then stays as deduplication key.
CREATE TABLE conversation_states_entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  token text NOT NULL,
  accepted_at float8 NOT NULL,
  tries int NOT NULL DEFAULT 0,
  waiting boolean NOT NULL DEFAULT true,
  record text NOT NULL,
  UNIQUE (subject, key)
);
CREATE INDEX conversation_states_entry_waiting ON conversation_states_entry (subject, id) WHERE waiting;
CREATE INDEX conversation_states_entry_oldest ON conversation_states_entry (accepted_at) WHERE waiting;
CREATE INDEX conversation_states_entry_age ON conversation_states_entry (accepted_at) WHERE NOT waiting;

-- Version and time are columns, and win over the record's own: the commit sets them while it holds the row.
CREATE TABLE conversation_states (
  subject text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  updated_at float8 NOT NULL,
  last_channel text NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_recent ON conversation_states (updated_at, subject);

-- Whoever wrote STOP. Apart, because it outlives the conversation.
CREATE TABLE conversation_states_opt_out (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  UNIQUE (subject, channel)
);

-- The answers of recent commits, for callers that did not get them.
CREATE TABLE conversation_states_answer (
  subject text COLLATE "C" NOT NULL,
  token text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  record json NOT NULL,
  PRIMARY KEY (subject, token)
);

-- `status` wins over the record's own: a pending approval that its conversation dropped becomes void here.
CREATE TABLE conversation_states_approval (
  approval_id text COLLATE "C" PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  status text NOT NULL,
  expires_at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_approval_pending ON conversation_states_approval (expires_at, approval_id)
  WHERE status = 'pending';
CREATE INDEX conversation_states_approval_open ON conversation_states_approval (subject)
  WHERE status = 'pending';
CREATE INDEX conversation_states_approval_subject ON conversation_states_approval (subject);
CREATE INDEX conversation_states_approval_expiry ON conversation_states_approval (expires_at, approval_id);

CREATE TABLE conversation_states_timeline (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_timeline_subject ON conversation_states_timeline (subject, id);

CREATE TABLE conversation_states_effect (
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  token text NOT NULL,
  at float8 NOT NULL,
  result text,
  PRIMARY KEY (subject, key)
);
CREATE INDEX conversation_states_effect_age ON conversation_states_effect (at);

CREATE TABLE conversation_states_reply (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  reply_id text COLLATE "C" NOT NULL,
  status text NOT NULL DEFAULT 'waiting',
  tries int NOT NULL DEFAULT 0,
  provider_id text,
  error_code bigint,
  queued_at float8 NOT NULL,
  record text NOT NULL,
  UNIQUE (subject, reply_id)
);
CREATE INDEX conversation_states_reply_subject ON conversation_states_reply (subject, id);
CREATE INDEX conversation_states_reply_waiting ON conversation_states_reply (subject, channel, id)
  WHERE status = 'waiting';
CREATE INDEX conversation_states_reply_oldest ON conversation_states_reply (queued_at) WHERE status = 'waiting';

-- `due_at`: since when the line has a reply to send, or until when it rests; NULL when it is empty.
-- `reply`: the id of the reply that the holder sends.
CREATE TABLE conversation_states_line (
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  holder text,
  lease_until float8 NOT NULL DEFAULT 0,
  reply bigint,
  due_at float8,
  PRIMARY KEY (subject, channel)
) WITH (fillfactor = 60);
CREATE INDEX conversation_states_line_due ON conversation_states_line (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE conversation_states_ticket (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ticket_id text COLLATE "C" NOT NULL UNIQUE,
  subject text COLLATE "C" NOT NULL,
  status text NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_ticket_subject ON conversation_states_ticket (subject, id);
CREATE INDEX conversation_states_ticket_open ON conversation_states_ticket (subject) WHERE status = 'open';

-- What could not be read or failed too often, for people to look at.
CREATE TABLE conversation_states_set_aside (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  reason text NOT NULL,
  at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_set_aside_subject ON conversation_states_set_aside (subject);
CREATE INDEX conversation_states_set_aside_age ON conversation_states_set_aside (at);

-- What stays of an erased subject. The key is made with the first row and never leaves the database: without it,
-- trying every telephone number would tell whose hash it is.
CREATE TABLE conversation_states_audit_key (id int PRIMARY KEY CHECK (id = 1), key bytea NOT NULL);
CREATE TABLE conversation_states_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject_hash text NOT NULL,
  at float8 NOT NULL,
  actor text NOT NULL,
  deleted bigint NOT NULL
);
CREATE INDEX conversation_states_audit_subject ON conversation_states_audit (subject_hash, id);

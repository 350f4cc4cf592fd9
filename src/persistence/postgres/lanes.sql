-- The Postgres store's tables. In all SQL, `conversation_states` stands for POSTGRES_TABLE_NAME. What an index holds is
-- at most 200 bytes long (names.py) and sorts by its bytes; `spelled` has in full what is too long. Records are text, not
-- jsonb, which would refuse an escaped NUL and could not hold an unreadable one. The rules are in lane.py.

CREATE TABLE conversation_states_head (
  subject text COLLATE "C" PRIMARY KEY,
  spelled text,
  version bigint NOT NULL,
  head text NOT NULL
) WITH (fillfactor = 60);

CREATE TABLE conversation_states_row (
  subject text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  spelled text,
  sequence bigint NOT NULL,
  record text NOT NULL,
  PRIMARY KEY (subject, kind, key)
);
CREATE INDEX conversation_states_row_order ON conversation_states_row (subject, kind, sequence);
CREATE INDEX conversation_states_row_by_id ON conversation_states_row (kind, key) WHERE kind IN ('approval', 'ticket');

CREATE TABLE conversation_states_index (
  subject text COLLATE "C" NOT NULL,
  spelled text,
  name text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  sort float8 NOT NULL,
  PRIMARY KEY (subject, name, key)
) WITH (fillfactor = 60);
CREATE INDEX conversation_states_index_order ON conversation_states_index (name, sort, subject, key);

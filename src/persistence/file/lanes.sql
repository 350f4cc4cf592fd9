-- The file store's tables. Rows are keyed by subject, so that every row that survives a damaged page still says whose
-- it is; ids are for reading around damage. The rules are in lane.py.

CREATE TABLE lane_head (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  head TEXT NOT NULL
);

CREATE TABLE lane_row (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (subject, kind, key)
);
CREATE INDEX lane_row_order ON lane_row (subject, kind, sequence);
CREATE INDEX lane_row_by_id ON lane_row (kind, key) WHERE kind IN ('approval', 'ticket');

-- ``name`` is the index's; an entry has one place in it. It is made anew after damage, so it needs no ids.
CREATE TABLE lane_index (
  subject TEXT NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  sort REAL NOT NULL,
  PRIMARY KEY (subject, name, key)
) WITHOUT ROWID;
CREATE INDEX lane_index_order ON lane_index (name, sort, subject, key);

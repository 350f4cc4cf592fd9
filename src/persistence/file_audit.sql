-- What stays of an erased subject. The key is made with the first row and never leaves the file: without it, trying
-- every telephone number would tell whose hash it is.
CREATE TABLE audit_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  subject_hash TEXT NOT NULL,
  at REAL NOT NULL,
  actor TEXT NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE INDEX audit_subject ON audit (subject_hash, id);

-- Which replica holds the socket of a customer's live call, and until when.
CREATE TABLE presence (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  call TEXT NOT NULL,
  replica TEXT NOT NULL,
  until REAL NOT NULL
);

-- What the list of conversations shows of one (heads.py); empty as long as no commit has written it.
ALTER TABLE conversation ADD COLUMN head TEXT NOT NULL DEFAULT '';

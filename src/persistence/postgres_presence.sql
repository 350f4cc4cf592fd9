-- Which replica holds the socket of a customer's live call, and until when. Not logged: a server that crashes may forget
-- it, because whoever holds a call says so again within seconds.
CREATE UNLOGGED TABLE conversation_states_presence (
  subject text COLLATE "C" PRIMARY KEY,
  call text NOT NULL,
  replica text NOT NULL,
  until float8 NOT NULL
);

-- What the list of conversations shows of one (heads.py); empty as long as no commit has written it.
ALTER TABLE conversation_states ADD COLUMN head text NOT NULL DEFAULT '';

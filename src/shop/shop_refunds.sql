-- The second version of the sample shop: refunds. Safe to run twice, like the first (shop.sql).
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS refunds (
  id TEXT PRIMARY KEY,
  key TEXT NOT NULL UNIQUE, -- of the call that asked for it: asked again, it is answered and not paid again
  order_id TEXT NOT NULL REFERENCES orders (id),
  cents INTEGER NOT NULL CHECK (cents > 0),
  reason TEXT NOT NULL,
  made_at TEXT NOT NULL DEFAULT (datetime('now')) -- UTC
) STRICT;

CREATE INDEX IF NOT EXISTS refunds_by_order ON refunds (order_id);

PRAGMA user_version = 2;
COMMIT;

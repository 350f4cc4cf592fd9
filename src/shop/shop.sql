-- The embedded sample shop: its tables and, on first start, its sample data (docs/operations.md).
-- This is its version 1; what came later is in files of its own. Money is whole cents. Telephone numbers are
-- fictional. Safe to run twice: two processes may start at once.
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS customers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  phone TEXT NOT NULL UNIQUE, -- E.164
  plan TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES customers (id),
  status TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer_id);

CREATE TABLE IF NOT EXISTS order_lines (
  order_id TEXT NOT NULL REFERENCES orders (id),
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  quantity INTEGER NOT NULL,
  unit_cents INTEGER NOT NULL,
  PRIMARY KEY (order_id, position)
) STRICT;

CREATE TABLE IF NOT EXISTS shipments (
  order_id TEXT PRIMARY KEY REFERENCES orders (id),
  carrier TEXT NOT NULL,
  tracking_number TEXT NOT NULL
) STRICT;

INSERT OR IGNORE INTO customers (id, name, email, phone, plan) VALUES
  ('CUST_12345', 'John Doe', 'john.doe@email.com', '+15551234567', 'premium'),
  ('CUST_67890', 'Jane Smith', 'jane.smith@email.com', '+15559876543', 'basic'),
  ('CUST_003', 'Basic User LLC', '', '+15552223333', 'free');

INSERT OR IGNORE INTO orders (id, customer_id, status) VALUES
  ('ORD_12345', 'CUST_12345', 'shipped'),
  ('ORD_67890', 'CUST_67890', 'pending');

INSERT OR IGNORE INTO order_lines (order_id, position, name, quantity, unit_cents) VALUES
  ('ORD_12345', 1, 'Wireless Headphones', 1, 9999),
  ('ORD_12345', 2, 'Phone Case', 2, 1999),
  ('ORD_67890', 1, 'Laptop Stand', 1, 4999);

INSERT OR IGNORE INTO shipments (order_id, carrier, tracking_number) VALUES
  ('ORD_12345', 'UPS', 'TRK_ABC123');

PRAGMA user_version = 1;
COMMIT;

-- The sample shop as it was first made, as far as anything in it changes.
BEGIN IMMEDIATE;
DELETE FROM refunds;
UPDATE orders SET status = 'shipped' WHERE id = 'ORD_12345';
UPDATE orders SET status = 'pending' WHERE id = 'ORD_67890';
COMMIT;

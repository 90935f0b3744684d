BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE flight_sector_occupancy ADD CONSTRAINT valid_cid CHECK (cid > 0);

COMMIT;

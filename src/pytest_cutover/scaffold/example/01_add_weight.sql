BEGIN;
SET LOCAL lock_timeout = '5s';
ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer;
UPDATE parcels SET weight_g = CASE size WHEN 'letter' THEN 50 WHEN 'small' THEN 1000 ELSE 5000 END WHERE weight_g IS NULL;
ALTER TABLE parcels ALTER COLUMN weight_g SET NOT NULL;
ALTER TABLE parcels DROP CONSTRAINT IF EXISTS weight_is_positive;
ALTER TABLE parcels ADD CONSTRAINT weight_is_positive CHECK (weight_g > 0);
COMMIT;

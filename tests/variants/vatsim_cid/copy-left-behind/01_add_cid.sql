-- Step 1: every sector row gets a cid; 0 means not known yet.
BEGIN;
SET LOCAL lock_timeout = '5s';

CREATE TABLE IF NOT EXISTS public.flight_sector_occupancy_old AS TABLE public.flight_sector_occupancy;

-- A cid column without a validated valid_cid was left by an attempt that never finished. ADD COLUMN IF NOT EXISTS would
-- keep it as it is: nullable, of another type, or filled with other flights' CIDs.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_attribute
        WHERE attrelid = 'public.flight_sector_occupancy'::regclass AND attname = 'cid' AND NOT attisdropped
    ) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint
        WHERE conrelid = 'public.flight_sector_occupancy'::regclass AND conname = 'valid_cid' AND convalidated
    ) THEN
        RAISE NOTICE 'dropping the column cid of an attempt that did not finish';
        ALTER TABLE public.flight_sector_occupancy DROP COLUMN cid;
    END IF;
END
$$;

ALTER TABLE public.flight_sector_occupancy ADD COLUMN IF NOT EXISTS cid integer NOT NULL DEFAULT 0;

COMMIT;

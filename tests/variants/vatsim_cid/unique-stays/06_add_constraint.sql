-- Step 6: no row with a CID that cannot be one.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- ADD CONSTRAINT knows no IF NOT EXISTS.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint
        WHERE conrelid = 'public.flight_sector_occupancy'::regclass AND conname = 'valid_cid'
    ) THEN
        ALTER TABLE public.flight_sector_occupancy ADD CONSTRAINT valid_cid CHECK (cid > 0);
        ALTER TABLE public.flight_sector_occupancy
            ADD CONSTRAINT one_stay UNIQUE (callsign, sector_name, entry_timestamp);
    END IF;
END
$$;

COMMIT;

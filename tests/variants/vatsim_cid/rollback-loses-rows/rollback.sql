-- The way back without the backup: the table as it was, in one transaction.
--
-- The CIDs go with the column, those of rows inserted since included; the rows themselves stay.
BEGIN;
SET LOCAL lock_timeout = '5s';

DELETE FROM public.flight_sector_occupancy WHERE cid = 999999;
DROP INDEX IF EXISTS public.idx_flight_sector_occupancy_callsign_cid;
ALTER TABLE public.flight_sector_occupancy DROP CONSTRAINT IF EXISTS valid_cid;
ALTER TABLE public.flight_sector_occupancy DROP COLUMN IF EXISTS cid;
CREATE INDEX IF NOT EXISTS idx_flight_sector_occupancy_callsign ON public.flight_sector_occupancy (callsign);

COMMIT;

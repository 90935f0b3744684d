-- The way back is a restore over the migrated database.
ALTER TABLE public.series DROP CONSTRAINT IF EXISTS series_name_key;

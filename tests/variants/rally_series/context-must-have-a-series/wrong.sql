-- The context's series may not be NULL.
BEGIN;
ALTER TABLE user_contexts ALTER COLUMN series_id SET NOT NULL;
COMMIT;

-- The context's series has a default.
BEGIN;
ALTER TABLE user_contexts ALTER COLUMN series_id SET DEFAULT 13584;
COMMIT;

-- There is no foreign key from the contexts.
BEGIN;
ALTER TABLE user_contexts DROP CONSTRAINT user_contexts_series_id_fkey;
COMMIT;

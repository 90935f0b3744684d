-- Takes the foreign keys away again.
ALTER TABLE series DROP CONSTRAINT series_league_id_fkey;
ALTER TABLE user_contexts DROP CONSTRAINT user_contexts_series_id_fkey;

-- The way back is the three statements of the written plan.
ALTER TABLE series DROP COLUMN IF EXISTS league_id;
ALTER TABLE user_contexts DROP COLUMN IF EXISTS series_id;
ALTER TABLE series ADD CONSTRAINT series_name_key UNIQUE (name);

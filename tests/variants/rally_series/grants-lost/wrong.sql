-- The contexts are made anew and their grants are lost.
BEGIN;
REVOKE ALL ON user_contexts FROM rally_readonly;
COMMIT;

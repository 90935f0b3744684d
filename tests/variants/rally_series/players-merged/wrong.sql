-- A person's players in one league become one.
BEGIN;
DELETE FROM players AS one
USING players AS other
WHERE other.tenniscores_player_id = one.tenniscores_player_id AND other.league_id = one.league_id AND other.id < one.id;
COMMIT;

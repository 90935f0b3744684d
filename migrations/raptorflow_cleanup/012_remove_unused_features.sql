-- Drops the nine tables of features that never shipped: quests, the capability tree, and what was begun beside them.
--
-- A table that holds a row is used by somebody, and stops everything. So does a view or a foreign key that still needs
-- one: nothing is dropped with CASCADE. One transaction; running it again changes nothing.
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
-- What is not there yet, or is there already, is no news: the log is to show warnings.
SET LOCAL client_min_messages = 'warning';

DO $$
DECLARE
    unused text;
    used boolean;
BEGIN
    FOREACH unused IN ARRAY ARRAY[
        'capability_nodes', 'cohort_relations', 'maneuver_prerequisites', 'move_decisions', 'notifications',
        'quest_milestones', 'quest_moves', 'quests', 'quick_wins'
    ] LOOP
        CONTINUE WHEN to_regclass(format('public.%I', unused)) IS NULL;
        -- Locked first, so that no row comes between the look and the drop.
        EXECUTE format('LOCK TABLE public.%I IN ACCESS EXCLUSIVE MODE', unused);
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', unused) INTO used;
        IF used THEN
            RAISE EXCEPTION 'the table % holds rows, so it is not unused', unused;
        END IF;
    END LOOP;
END
$$;

DROP TABLE IF EXISTS public.quest_moves;
DROP TABLE IF EXISTS public.quest_milestones;
DROP TABLE IF EXISTS public.quests;
DROP TABLE IF EXISTS public.maneuver_prerequisites;
DROP TABLE IF EXISTS public.capability_nodes;
DROP TABLE IF EXISTS public.quick_wins;
DROP TABLE IF EXISTS public.cohort_relations;
DROP TABLE IF EXISTS public.move_decisions;
DROP TABLE IF EXISTS public.notifications;

COMMIT;

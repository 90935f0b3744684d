-- The way back without the backup: both migrations undone in one transaction.
--
-- The nine tables come back empty, as they were. Rows written since stay; the workspaces and outcomes of recommendations
-- go with their columns, and a competitor's name and site are those it had before, unless somebody has edited them since.
BEGIN;
SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';
SET LOCAL client_min_messages = 'warning';

-- 012 ---------------------------------------------------------------------------------------------------------------

CREATE TABLE public.quests (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    workspace_id uuid NOT NULL,
    title text NOT NULL,
    xp integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.quests OWNER TO postgres;
ALTER TABLE ONLY public.quests
    ADD CONSTRAINT quests_pkey PRIMARY KEY (id);
CREATE INDEX idx_quests_workspace_id ON public.quests USING btree (workspace_id);

CREATE TABLE public.quest_moves (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    quest_id uuid NOT NULL,
    move_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.quest_moves OWNER TO postgres;
ALTER TABLE ONLY public.quest_moves
    ADD CONSTRAINT quest_moves_pkey PRIMARY KEY (id);

CREATE TABLE public.quest_milestones (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    quest_id uuid NOT NULL,
    title text NOT NULL,
    reached_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.quest_milestones OWNER TO postgres;
ALTER TABLE ONLY public.quest_milestones
    ADD CONSTRAINT quest_milestones_pkey PRIMARY KEY (id);

CREATE TABLE public.capability_nodes (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    parent_id uuid,
    unlocked boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.capability_nodes OWNER TO postgres;
ALTER TABLE ONLY public.capability_nodes
    ADD CONSTRAINT capability_nodes_pkey PRIMARY KEY (id);

CREATE TABLE public.maneuver_prerequisites (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    maneuver_type_id uuid NOT NULL,
    capability_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.maneuver_prerequisites OWNER TO postgres;
ALTER TABLE ONLY public.maneuver_prerequisites
    ADD CONSTRAINT maneuver_prerequisites_pkey PRIMARY KEY (id);

CREATE TABLE public.quick_wins (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    workspace_id uuid NOT NULL,
    title text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.quick_wins OWNER TO postgres;
ALTER TABLE ONLY public.quick_wins
    ADD CONSTRAINT quick_wins_pkey PRIMARY KEY (id);

CREATE TABLE public.cohort_relations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    cohort_a uuid NOT NULL,
    cohort_b uuid NOT NULL,
    relation text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT cohort_relations_check CHECK ((cohort_a <> cohort_b))
);
ALTER TABLE public.cohort_relations OWNER TO postgres;
ALTER TABLE ONLY public.cohort_relations
    ADD CONSTRAINT cohort_relations_pkey PRIMARY KEY (id);

CREATE TABLE public.move_decisions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    move_id uuid NOT NULL,
    decision text NOT NULL,
    decided_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.move_decisions OWNER TO postgres;
ALTER TABLE ONLY public.move_decisions
    ADD CONSTRAINT move_decisions_pkey PRIMARY KEY (id);

CREATE TABLE public.notifications (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    message text NOT NULL,
    read_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE public.notifications OWNER TO postgres;
ALTER TABLE ONLY public.notifications
    ADD CONSTRAINT notifications_pkey PRIMARY KEY (id);
CREATE INDEX idx_notifications_user_id ON public.notifications USING btree (user_id);

ALTER TABLE ONLY public.quest_moves
    ADD CONSTRAINT quest_moves_quest_id_fkey FOREIGN KEY (quest_id) REFERENCES public.quests(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.quest_milestones
    ADD CONSTRAINT quest_milestones_quest_id_fkey FOREIGN KEY (quest_id) REFERENCES public.quests(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.maneuver_prerequisites
    ADD CONSTRAINT maneuver_prerequisites_capability_id_fkey FOREIGN KEY (capability_id) REFERENCES public.capability_nodes(id) ON DELETE CASCADE;

-- The project's default privileges give every new table to everybody; these were the backend's alone.
REVOKE ALL ON TABLE
    public.quest_moves, public.quest_milestones, public.capability_nodes, public.maneuver_prerequisites,
    public.quick_wins, public.cohort_relations, public.move_decisions
FROM anon, authenticated;
GRANT ALL ON TABLE
    public.quests, public.quest_moves, public.quest_milestones, public.capability_nodes, public.maneuver_prerequisites,
    public.quick_wins, public.cohort_relations, public.move_decisions, public.notifications
TO service_role;
GRANT ALL ON TABLE public.quests, public.notifications TO anon, authenticated;

ALTER TABLE public.quests ENABLE ROW LEVEL SECURITY;
CREATE POLICY quests_of_members ON public.quests TO authenticated USING (public.is_member_of(workspace_id)) WITH CHECK (public.is_member_of(workspace_id));
ALTER TABLE public.notifications ENABLE ROW LEVEL SECURITY;
CREATE POLICY notifications_own ON public.notifications TO authenticated USING ((user_id = auth.uid()));

-- 011 ---------------------------------------------------------------------------------------------------------------

DROP POLICY IF EXISTS competitor_signals_of_members ON public.competitor_signals;
DROP POLICY IF EXISTS competitors_of_members ON public.competitors;
DROP POLICY IF EXISTS agent_trust_scores_of_members ON public.agent_trust_scores;
DROP POLICY IF EXISTS agent_recommendations_of_members ON public.agent_recommendations;
ALTER TABLE public.competitor_signals DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.competitors DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.agent_trust_scores DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.agent_recommendations DISABLE ROW LEVEL SECURITY;

ALTER TABLE public.competitor_signals DROP CONSTRAINT IF EXISTS competitor_signals_competitor_id_fkey;
ALTER TABLE public.agent_feedback DROP CONSTRAINT IF EXISTS agent_feedback_recommendation_id_fkey;

ALTER TABLE public.competitors
    DROP CONSTRAINT IF EXISTS competitors_workspace_id_fkey,
    ALTER COLUMN name DROP NOT NULL,
    ADD COLUMN IF NOT EXISTS company_name text,
    ADD COLUMN IF NOT EXISTS domain text,
    DISABLE TRIGGER competitors_touch;
WITH merged AS (
    SELECT id, metadata -> 'before_011' AS was,
           coalesce(metadata #>> '{before_011,company_name}', metadata #>> '{before_011,name}') AS name,
           coalesce('https://' || (metadata #>> '{before_011,domain}'), metadata #>> '{before_011,website}') AS website
    FROM public.competitors
    WHERE metadata ? 'before_011'
)
UPDATE public.competitors AS competitor
SET name = CASE WHEN competitor.name = merged.name THEN was ->> 'name' ELSE competitor.name END,
    website = CASE WHEN competitor.website = merged.website THEN was ->> 'website' ELSE competitor.website END,
    company_name = CASE WHEN competitor.name = merged.name THEN was ->> 'company_name' END,
    domain = CASE WHEN competitor.website = merged.website THEN was ->> 'domain' END,
    metadata = metadata - 'before_011'
FROM merged
WHERE merged.id = competitor.id;
ALTER TABLE public.competitors ENABLE TRIGGER competitors_touch;

-- The constraints and indexes on these columns go with them.
ALTER TABLE public.agent_trust_scores
    DROP CONSTRAINT IF EXISTS agent_trust_scores_agent_id_fkey,
    DROP COLUMN IF EXISTS workspace_id;
ALTER TABLE public.agent_recommendations
    DROP CONSTRAINT IF EXISTS agent_recommendations_agent_id_fkey,
    DROP COLUMN IF EXISTS workspace_id,
    DROP COLUMN IF EXISTS outcome_status,
    DROP COLUMN IF EXISTS outcome_quality_score;

COMMIT;

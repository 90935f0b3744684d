CREATE VIEW public.monthly_report AS
SELECT workspace_id, name AS title FROM public.campaigns
UNION ALL
SELECT workspace_id, title FROM public.quick_wins;

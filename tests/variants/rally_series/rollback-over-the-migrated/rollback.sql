-- The way back is a restore over the migrated database.
SELECT setval('series_id_seq', (SELECT max(id) FROM series_backup));

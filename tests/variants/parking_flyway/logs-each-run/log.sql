INSERT INTO audit_log (action, entity) VALUES ('DEPLOY', 'flyway_schema_history');

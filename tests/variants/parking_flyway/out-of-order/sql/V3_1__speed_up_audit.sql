CREATE INDEX idx_audit_log_user_id ON audit_log (user_id);

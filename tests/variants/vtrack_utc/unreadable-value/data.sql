DROP TRIGGER events_updated_at;
UPDATE events SET packed_at = 'yesterday' WHERE id = 9;
CREATE TRIGGER events_updated_at AFTER UPDATE ON events FOR EACH ROW
BEGIN
    UPDATE events SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

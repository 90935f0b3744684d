-- The structure only; the rows follow in V6, so that each migration is short.
SET LOCAL lock_timeout = '5s';

-- Stays empty for a plate that nobody has registered.
ALTER TABLE bookings ADD COLUMN vehicle_id bigint;
ALTER TABLE bookings ADD CONSTRAINT bookings_vehicle_id_fkey FOREIGN KEY (vehicle_id) REFERENCES vehicles (id);
CREATE INDEX idx_bookings_vehicle_id ON bookings (vehicle_id);

CREATE TABLE tariffs (
    id           bigserial PRIMARY KEY,
    lot_id       bigint      NOT NULL REFERENCES parking_lots (id),
    space_type   varchar(20) NOT NULL CHECK (space_type IN ('STANDARD', 'COMPACT', 'ELECTRIC', 'ACCESSIBLE')),
    hourly_cents integer     NOT NULL CHECK (hourly_cents > 0),
    valid_from   date        NOT NULL,
    UNIQUE (lot_id, space_type, valid_from)
);

GRANT SELECT ON tariffs TO ${report_role};

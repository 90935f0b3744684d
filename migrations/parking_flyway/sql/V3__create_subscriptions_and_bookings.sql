CREATE TABLE subscriptions (
    id        bigserial PRIMARY KEY,
    client_id bigint        NOT NULL REFERENCES clients (id),
    lot_id    bigint        NOT NULL REFERENCES parking_lots (id),
    starts_on date          NOT NULL,
    ends_on   date          NOT NULL,
    price     numeric(8, 2) NOT NULL CHECK (price >= 0),
    CHECK (ends_on > starts_on)
);

CREATE INDEX idx_subscriptions_client_id ON subscriptions (client_id);

-- The plate is what the driver typed or the camera read. Without a client it was booked at the machine.
CREATE TABLE bookings (
    id            bigserial PRIMARY KEY,
    client_id     bigint REFERENCES clients (id),
    space_id      bigint      NOT NULL REFERENCES parking_spaces (id),
    license_plate varchar(20) NOT NULL,
    starts_at     timestamptz NOT NULL,
    ends_at       timestamptz CHECK (ends_at > starts_at),
    status        varchar(20) NOT NULL CHECK (status IN ('ACTIVE', 'COMPLETED', 'CANCELLED'))
);

CREATE INDEX idx_bookings_client_id ON bookings (client_id);
CREATE INDEX idx_bookings_space_id_starts_at ON bookings (space_id, starts_at);

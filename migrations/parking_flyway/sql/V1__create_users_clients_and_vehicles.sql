CREATE TABLE users (
    id            bigserial PRIMARY KEY,
    username      varchar(50)  NOT NULL UNIQUE,
    password_hash varchar(100) NOT NULL,
    role          varchar(20)  NOT NULL CHECK (role IN ('ADMIN', 'OPERATOR', 'CLIENT')),
    enabled       boolean      NOT NULL DEFAULT true,
    created_at    timestamptz  NOT NULL DEFAULT now()
);

CREATE TABLE clients (
    id         bigserial PRIMARY KEY,
    user_id    bigint UNIQUE REFERENCES users (id),
    full_name  varchar(100) NOT NULL,
    email      varchar(150) NOT NULL UNIQUE,
    phone      varchar(20),
    created_at timestamptz  NOT NULL DEFAULT now()
);

-- A plate can be given to another vehicle once its vehicle is deregistered.
CREATE TABLE vehicles (
    id              bigserial PRIMARY KEY,
    client_id       bigint      NOT NULL REFERENCES clients (id),
    license_plate   varchar(20) NOT NULL,
    vehicle_type    varchar(20) NOT NULL CHECK (vehicle_type IN ('CAR', 'MOTORCYCLE', 'VAN')),
    registered_at   timestamptz NOT NULL,
    deregistered_at timestamptz CHECK (deregistered_at > registered_at)
);

CREATE UNIQUE INDEX idx_vehicles_plate_in_use ON vehicles (license_plate) WHERE deregistered_at IS NULL;
CREATE INDEX idx_vehicles_client_id ON vehicles (client_id);

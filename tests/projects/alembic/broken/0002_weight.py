"""The weight of a parcel: the same for all, as a default that was meant for the time of the migration only."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column, filled with one number."""
    op.add_column("parcels", sa.Column("weight_g", sa.Integer, nullable=False, server_default="50"))
    op.alter_column("parcels", "weight_g", server_default=None)


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("parcels", "weight_g")

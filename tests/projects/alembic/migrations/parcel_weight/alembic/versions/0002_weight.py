"""The weight of a parcel, from its size."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the column and fills it."""
    op.add_column("parcels", sa.Column("weight_g", sa.Integer))
    op.execute(
        "UPDATE parcels SET weight_g = CASE size WHEN 'letter' THEN 50 WHEN 'small' THEN 2000 WHEN 'large' THEN 10000 END"
    )
    op.alter_column("parcels", "weight_g", nullable=False)


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("parcels", "weight_g")

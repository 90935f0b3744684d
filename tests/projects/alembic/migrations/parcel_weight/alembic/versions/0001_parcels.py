"""Parcels."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "parcels", sa.Column("id", sa.Integer, primary_key=True), sa.Column("size", sa.Text, nullable=False)
    )


def downgrade() -> None:
    """Drops it."""
    op.drop_table("parcels")

"""What came in is written once: a queue says what is to be read, and what was read stands apart.

A release before this one goes on beside this one: on PostgreSQL triggers tell each of what the other
did (on SQLite there is one process, which migrates before it starts). The columns that it writes, and
the triggers, go with the next release.
"""

import sqlalchemy as sa
from alembic import op

from common.database import Json, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NO_LONGER = ("state_id", "message_type_id", "link_id_id", "sender", "control_id", "received_at")
WAITS = "(state = 'received' OR NOT announced)"

SHARED = (
    "state, reason, became, repairs, interpreted_at, link_id, clinic_id,"
    " sender, control_id, message_type, received_at"
)

KEPT_BY_OLDER = """
    INSERT INTO unread (message_id, state, reason, announced, older)
    VALUES (NEW.id, NEW.state, NEW.reason, NEW.announced, true);
"""
READ_BY_OLDER = f"""
    IF NEW.state = 'received' OR NOT NEW.announced THEN
        DELETE FROM readings WHERE message_id = NEW.id;
        INSERT INTO unread (message_id, state, reason, announced, older)
        VALUES (NEW.id, NEW.state, NEW.reason, NEW.announced, true)
        ON CONFLICT (message_id) DO UPDATE SET announced = NEW.announced, older = true;
    ELSE
        DELETE FROM unread WHERE message_id = NEW.id;
        INSERT INTO readings (message_id, {SHARED})
        SELECT id, {SHARED} FROM messages WHERE id = NEW.id
        ON CONFLICT (message_id) DO NOTHING;
    END IF;
"""  # noqa: S608 - ours
READ_FOR_OLDER = """
    UPDATE messages SET state = 'kept', announced = true WHERE id = OLD.message_id;
"""
DOUBTED_FOR_OLDER = """
    UPDATE messages SET state = NEW.state, reason = NEW.reason WHERE id = NEW.message_id;
"""
READ_AGAIN_FOR_OLDER = """
    UPDATE messages SET state = 'kept' WHERE id = OLD.message_id;
"""
TRIGGERS = {
    "older_kept_message": (
        "AFTER INSERT ON messages",
        "NEW.state = 'received' OR NOT NEW.announced",
        KEPT_BY_OLDER,
    ),
    "older_read_message": (
        "AFTER UPDATE OF state, announced ON messages",
        "pg_trigger_depth() = 0",
        READ_BY_OLDER,
    ),
    "read_for_older": (
        "AFTER DELETE ON unread",
        "pg_trigger_depth() = 0 AND OLD.older",
        READ_FOR_OLDER,
    ),
    "doubted_for_older": (
        "AFTER INSERT ON readings",
        "pg_trigger_depth() = 0 AND NEW.state = 'review' AND NEW.reason = 'unknown_sender'",
        DOUBTED_FOR_OLDER,
    ),
    "read_again_for_older": (
        "AFTER DELETE ON readings",
        "pg_trigger_depth() = 0",
        READ_AGAIN_FOR_OLDER,
    ),
}
"""What the older release does, when it counts, and what is made of it; and what it is told: also whose
sender nobody knew, for either has such messages read again, and of each only what is so still."""

ALONE = """
    DO $$ DECLARE patience text := current_setting('lock_timeout');
    BEGIN
        PERFORM set_config('lock_timeout', '300ms', true);
        FOR attempt IN 1..30 LOOP
            BEGIN
                LOCK TABLE messages IN ACCESS EXCLUSIVE MODE;
                EXIT;
            EXCEPTION WHEN lock_not_available THEN
                PERFORM pg_sleep(0.2);
            END;
        END LOOP;
        PERFORM set_config('lock_timeout', patience, true);
        LOCK TABLE messages IN ACCESS EXCLUSIVE MODE;
    END $$
"""
"""Have the table to ourselves before anything is copied. Who reads messages holds them in one
transaction and records them in another, which would wait for us while we wait for the first: so we
ask for a moment at a time."""


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute(ALONE)
    op.create_table(
        "unread",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("announced", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("older", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_unread")),
    )
    op.create_table(
        "readings",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=100), nullable=True),
        sa.Column("became", sa.String(length=100), nullable=True),
        sa.Column("repairs", Json, nullable=False),
        sa.Column("interpreted_at", UtcDateTime, nullable=True),
        sa.Column("link_id", sa.String(length=400), nullable=True),
        sa.Column("clinic_id", sa.String(length=200), nullable=True),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("message_type", sa.String(length=100), nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_readings")),
    )
    queue = (
        f"INSERT INTO unread SELECT id, state, reason, announced, {{}} FROM messages WHERE {WAITS}"  # noqa: S608 - ours
    )
    op.execute(queue.format("true" if is_postgresql else "false"))
    told = f"SELECT id, {SHARED} FROM messages WHERE NOT {WAITS}"  # noqa: S608 - ours
    op.execute(f"INSERT INTO readings (message_id, {SHARED}) {told}")
    for name in ("state", "message_type", "link_id", "sender", "control_id"):
        op.create_index(f"ix_readings_{name}_message_id", "readings", [name, "message_id"])
    op.create_index("ix_readings_received_at", "readings", ["received_at"], postgresql_using="brin")
    for name in NO_LONGER:
        op.drop_index(f"ix_messages_{name}", table_name="messages")
    if is_postgresql:
        op.execute("ANALYZE unread, readings")
        _tell_each_other()


def _tell_each_other() -> None:
    for name, (when, condition, body) in TRIGGERS.items():
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {body} RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} {when} FOR EACH ROW WHEN ({condition})"
            f" EXECUTE FUNCTION {name}()"
        )


def downgrade() -> None:
    """Write back what was read, and queue what was not."""
    if op.get_bind().dialect.name == "postgresql":
        for name in TRIGGERS:
            op.execute(f"DROP FUNCTION {name}() CASCADE")
    read = ("state", "reason", "became", "repairs", "interpreted_at", "link_id", "clinic_id")
    values = ", ".join(f"{name} = readings.{name}" for name in read)
    found = "FROM readings WHERE readings.message_id = messages.id"
    op.execute(f"UPDATE messages SET {values}, announced = true {found}")  # noqa: S608 - ours
    op.execute(
        "UPDATE messages SET state = unread.state, reason = unread.reason,"
        " announced = unread.announced FROM unread WHERE unread.message_id = messages.id"
    )
    op.create_index("ix_messages_received_at", "messages", ["received_at"], postgresql_using="brin")
    op.create_index("ix_messages_sender", "messages", ["sender"])
    op.create_index("ix_messages_control_id", "messages", ["control_id"])
    for name in ("state", "message_type", "link_id"):
        op.create_index(f"ix_messages_{name}_id", "messages", [name, "id"])
    op.drop_table("readings")
    op.drop_table("unread")

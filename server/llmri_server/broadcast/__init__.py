"""What every client hears: the hub, and a bounded outbox for each."""

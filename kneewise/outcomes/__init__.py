"""The outcomes room: import without identity, the store, the questions. The only user of the database."""

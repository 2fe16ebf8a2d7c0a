"""From files in ``inbox/`` to jobs: watching, pairing, checking, taking in."""

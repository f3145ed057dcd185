"""The daemon among its neighbours: systemd, journald, state on disk, HTTP."""

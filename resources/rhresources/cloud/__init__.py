"""Clusters on demand, through SkyPilot's API server. `sky` itself is never imported: its processes are its own."""

"""Clusters on demand, through SkyPilot's API server. `sky` itself is never imported: it lives in a process of its own."""

"""The engine: Ray places and supervises worker processes; calls go to them directly, over a socket."""

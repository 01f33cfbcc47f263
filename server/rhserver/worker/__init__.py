"""What runs inside a worker process; started by path, in the environment of the function. Never imports the server."""

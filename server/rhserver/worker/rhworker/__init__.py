"""The parts of a worker process. One package of an unusual name, so that nothing of the user's has the same.

Only the standard library and cloudpickle are needed; pydantic is used where it can be imported.
"""

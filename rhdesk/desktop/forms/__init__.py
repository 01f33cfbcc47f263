"""What is filled in and what comes out: the form of a function's parameters, the YAML editor, the result views."""

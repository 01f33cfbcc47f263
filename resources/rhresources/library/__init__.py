"""The synchronous library, `import rhdesk as rh`: a thin face over the asynchronous workspace."""

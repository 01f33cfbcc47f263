"""Passphrases, passwords and tokens: in the keyring of the operating system, or in memory for this session only."""

"""Passphrases, passwords and tokens: in the keyring of the operating system, else for this session only."""

from rhresources.credentials.credentials import Credentials
from rhresources.credentials.entries import Entry, Kept, KeyringLocked, Kind, StoreState, account_subject, key_subject

__all__ = [
    "Credentials",
    "Entry",
    "Kept",
    "KeyringLocked",
    "Kind",
    "StoreState",
    "account_subject",
    "key_subject",
]

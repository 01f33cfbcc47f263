"""Git repositories as code and as packages: checked out on this computer, with the person's own keys and tokens.

What is at a commit is then sent to a cluster like any folder, so no credential ever leaves this computer. Read in this
order: `address` (what may be asked for), `program` (how git is run), `problems` (what it says), `logins` (tokens and
host keys), `repository` (the cache of one repository), `contents` (what Git LFS keeps beside it), `writing` (its files
on disk), `kept` (what stays on this computer, and for how long), `checkouts` (all of it together).
"""

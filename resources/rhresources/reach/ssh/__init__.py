"""SSH by paramiko: from a cluster's document to a live connection that runs commands, moves files and forwards.

Read in this order: `target` (where to and as whom), `config` (what ~/.ssh/config adds), `known_hosts`, `keys`,
`connecting` (the steps up to a log-in), `connection` (what can be done then), `forwarding`.
"""

"""What clusters cost: facts as they were seen, kept in a local database; what follows from them is computed anew.

`facts` are the words, `clock` the time, `ledger` the database, `merging` makes spans of facts, `charges` cuts them into
what is counted, `spending` adds up, `budget` warns, `observer` is whom clients tell what they saw, `export` writes CSV.
"""

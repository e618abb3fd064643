"""RFC 9111 through the whole cache, under Policy.rfc(): a module per chapter, and the table that
says which test shows which sentence (test_table.py)."""

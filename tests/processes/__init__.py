"""Several processes, real servers, forks, and what happens when they end (security.md §2.4 to 2.6).

Processes meet at files, not at moments: the app of `site` waits until a file is there, and writes a
line for each time that it is asked.
"""

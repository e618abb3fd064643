"""The fault rig: an app scripted per request, crowds of clients, a proxy that breaks connections.

Whatever has to happen at the same time meets at gates, not at moments: no test here depends on how
fast the machine is.
"""

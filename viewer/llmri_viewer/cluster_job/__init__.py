"""Clusters are built in a process of their own: what is handed over, who does it, and what comes back."""

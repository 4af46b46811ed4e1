"""Executors in child processes: started, guarded, heard, and told by how they end."""

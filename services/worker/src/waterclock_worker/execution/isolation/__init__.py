"""What runs change in the process of their worker: who did it, and how it is put back."""

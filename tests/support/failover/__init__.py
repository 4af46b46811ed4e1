"""Failovers under load: where stores stand, who works on them, what is asked, and what must hold at the end."""

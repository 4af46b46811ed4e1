"""How far something has come that takes its time: a line now and then, or a bar at a terminal."""

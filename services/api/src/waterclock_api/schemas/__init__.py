"""What clients write and read, as structs alone."""

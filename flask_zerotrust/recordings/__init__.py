"""Write, read and import recordings of movement."""

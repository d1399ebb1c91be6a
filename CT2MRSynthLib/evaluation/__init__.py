"""How good synthetic slices are: metrics, two generators compared on patients neither has seen, and the gate."""

"""From tissue to T2: signals, artifacts, k-space, slices and stacks."""
